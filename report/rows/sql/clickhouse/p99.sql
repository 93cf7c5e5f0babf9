-- The p99 of each endpoint by day, of the wall time and of each bucket. They do not add up.
SELECT toDate(intDiv(start_ns, 1000000000)) AS date, endpoint, toInt64(count()) AS requests,
       round(quantileExact(0.99)(wall_ns) / 1e6, 3) AS wall_ms,
       round(quantileExact(0.99)(db_ns) / 1e6, 3) AS db_ms,
       round(quantileExact(0.99)(cache_ns) / 1e6, 3) AS cache_ms,
       round(quantileExact(0.99)(queue_ns) / 1e6, 3) AS queue_ms,
       round(quantileExact(0.99)(upstream_ns) / 1e6, 3) AS upstream_ms,
       round(quantileExact(0.99)(cpu_ns) / 1e6, 3) AS cpu_ms,
       round(quantileExact(0.99)(gc_ns) / 1e6, 3) AS gc_ms,
       round(quantileExact(0.99)(scheduler_ns) / 1e6, 3) AS scheduler_ms,
       round(quantileExact(0.99)(lock_ns) / 1e6, 3) AS lock_ms,
       round(quantileExact(0.99)(wait_ns) / 1e6, 3) AS wait_ms,
       round(quantileExact(0.99)(sleep_ns) / 1e6, 3) AS sleep_ms,
       round(quantileExact(0.99)(file_ns) / 1e6, 3) AS file_ms,
       round(quantileExact(0.99)(client_io_ns) / 1e6, 3) AS client_io_ms,
       round(quantileExact(0.99)(unknown_ns) / 1e6, 3) AS unknown_ms
FROM requests FINAL
WHERE incomplete = 0
GROUP BY date, endpoint
ORDER BY date, endpoint
