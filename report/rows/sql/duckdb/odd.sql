-- Odd replicas: instances whose mean lies far from the median instance of the same endpoint
-- and day, in units of the usual distance (1.4826 times the median absolute deviation, which
-- is a standard deviation if most instances are alike). Of instances that are alike, one in
-- 15,000 is beyond 4. A distance below 1% of the median counts as 1%.
WITH means AS (
  SELECT date, endpoint, instance, count(*) AS requests, avg(wall_ns) AS mean
  FROM requests WHERE NOT incomplete GROUP BY ALL
),
middles AS (SELECT date, endpoint, quantile_disc(mean, 0.5) AS middle, count(*) AS instances FROM means GROUP BY ALL),
spreads AS (
  SELECT date, endpoint, middle, instances, greatest(1.4826 * quantile_disc(abs(mean - middle), 0.5), 0.01 * middle) AS spread
  FROM means JOIN middles USING (date, endpoint) GROUP BY date, endpoint, middle, instances
)
SELECT date, endpoint, instance, requests, instances,
       round(mean / 1e6, 3) AS mean_ms, round(middle / 1e6, 3) AS median_ms, round((mean - middle) / spread, 1) AS distance
FROM means JOIN spreads USING (date, endpoint)
WHERE instances >= 3 AND abs(mean - middle) > 4 * spread
ORDER BY abs((mean - middle) / spread) DESC, instance
