-- Which call site got slower between versions: the mean time per request at each call site
-- of each endpoint, in the two versions given.
WITH
n AS (
  SELECT endpoint, version, count(*) AS requests
  FROM requests WHERE NOT incomplete GROUP BY endpoint, version
),
spent AS (
  SELECT r.endpoint, r.version, s.bucket, s.function, s.file, sum(s.time_ns) AS time_ns
  FROM segments s JOIN requests r ON r.case_id = s.case_id AND r.request = s.request
  WHERE NOT r.incomplete
  GROUP BY r.endpoint, r.version, s.bucket, s.function, s.file
),
mean AS (
  SELECT spent.*, time_ns / requests AS mean_ns
  FROM spent JOIN n ON n.endpoint = spent.endpoint AND n.version = spent.version
)
SELECT b.endpoint, b.bucket, b.function,
       round(coalesce(a.mean_ns, 0) / 1e6, 3) AS before_ms, round(b.mean_ns / 1e6, 3) AS after_ms,
       round((b.mean_ns - coalesce(a.mean_ns, 0)) / 1e6, 3) AS change_ms
FROM (SELECT * FROM mean WHERE version = '1.5') b
LEFT JOIN (SELECT * FROM mean WHERE version = '1.4') a
  ON a.endpoint = b.endpoint AND a.bucket = b.bucket AND a.function = b.function AND a.file = b.file
ORDER BY change_ms DESC, b.function
LIMIT 20
