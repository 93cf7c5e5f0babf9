-- Which call site got slower between versions: the mean time per request at each call site of
-- each endpoint, in version 1.5 against 1.4. The changes of an endpoint sum to that of its
-- mean. Sites are told by function: lines differ between builds, and folders between machines.
WITH counted AS (
  SELECT endpoint, version, count(*) AS requests
  FROM requests WHERE NOT incomplete GROUP BY ALL
),
spent AS (
  SELECT r.endpoint, r.version, s.bucket, s.function, sum(s.time_ns)::BIGINT AS time_ns
  FROM segments s JOIN requests r USING (case_id, request)
  WHERE NOT r.incomplete AND r.version IN ('1.4', '1.5')
  GROUP BY ALL
),
means AS (
  SELECT endpoint, version, bucket, function, time_ns / requests AS mean_ns
  FROM spent JOIN counted USING (endpoint, version)
)
SELECT endpoint, bucket, function,
       round(coalesce(sum(mean_ns) FILTER (version = '1.4'), 0) / 1e6, 3) AS before_ms,
       round(coalesce(sum(mean_ns) FILTER (version = '1.5'), 0) / 1e6, 3) AS after_ms,
       round(sum(CASE version WHEN '1.5' THEN mean_ns ELSE -mean_ns END) / 1e6, 3) AS change_ms
FROM means
GROUP BY endpoint, bucket, function
ORDER BY change_ms DESC, endpoint, bucket, function
LIMIT 20
