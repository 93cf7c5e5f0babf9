-- Which call site got slower between versions: the mean time per request at each call site of
-- each endpoint, in version 1.5 against 1.4. The changes of an endpoint sum to that of its
-- mean. Sites are told by function: lines differ between builds, and folders between machines.
SELECT endpoint, bucket, function,
       round(sumIf(time / requests, version = '1.4') / 1e6, 3) AS before_ms,
       round(sumIf(time / requests, version = '1.5') / 1e6, 3) AS after_ms,
       round(sum(if(version = '1.5', time / requests, -time / requests)) / 1e6, 3) AS change_ms
FROM (
    SELECT endpoint, version, bucket, function, sum(time_ns) AS time
    FROM segments FINAL
    ANY INNER JOIN (
        SELECT case_id, request, endpoint, version FROM requests FINAL WHERE incomplete = 0 AND version IN ('1.4', '1.5')
    ) USING (case_id, request)
    GROUP BY endpoint, version, bucket, function
)
ANY INNER JOIN (
    SELECT endpoint, version, count() AS requests FROM requests FINAL WHERE incomplete = 0 GROUP BY endpoint, version
) USING (endpoint, version)
GROUP BY endpoint, bucket, function
ORDER BY change_ms DESC, endpoint, bucket, function
LIMIT 20
