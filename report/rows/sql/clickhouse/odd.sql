-- Odd replicas: instances whose mean lies far from the median instance of the same endpoint
-- and day, in units of the usual distance (1.4826 times the median absolute deviation, which
-- is a standard deviation if most instances are alike). Of instances that are alike, one in
-- 15,000 is beyond 4. A distance below 1% of the median counts as 1%.
SELECT date, endpoint, instance, requests, instances,
       round(mean / 1e6, 3) AS mean_ms, round(middle / 1e6, 3) AS median_ms, round((mean - middle) / spread, 1) AS distance
FROM (
    SELECT date, endpoint, middle, instances,
           greatest(1.4826 * arraySort(arrayMap(m -> abs(m - middle), means))[intDiv(instances + 1, 2)], 0.01 * middle) AS spread,
           tupleElement(one, 1) AS instance, tupleElement(one, 2) AS mean, tupleElement(one, 3) AS requests
    FROM (
        SELECT date, endpoint, groupArray(mean) AS means, groupArray((instance, mean, requests)) AS all,
               arraySort(means)[intDiv(count() + 1, 2)] AS middle, count() AS instances
        FROM (
            SELECT toDate(intDiv(start_ns, 1000000000)) AS date, endpoint, instance, avg(wall_ns) AS mean, count() AS requests
            FROM requests FINAL WHERE incomplete = 0 GROUP BY date, endpoint, instance
        )
        GROUP BY date, endpoint
    )
    ARRAY JOIN all AS one
)
WHERE instances >= 3 AND abs(mean - middle) > 4 * spread
ORDER BY abs((mean - middle) / spread) DESC, instance
