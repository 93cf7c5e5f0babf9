-- The p99 of each endpoint by day, of the wall time and of each bucket. They do not add up.
SELECT date, endpoint, count(*) AS requests,
       round(quantile_disc(wall_ns, 0.99) / 1e6, 3) AS wall_ms, round(quantile_disc(db_ns, 0.99) / 1e6, 3) AS db_ms,
       round(quantile_disc(cache_ns, 0.99) / 1e6, 3) AS cache_ms, round(quantile_disc(queue_ns, 0.99) / 1e6, 3) AS queue_ms,
       round(quantile_disc(upstream_ns, 0.99) / 1e6, 3) AS upstream_ms, round(quantile_disc(cpu_ns, 0.99) / 1e6, 3) AS cpu_ms,
       round(quantile_disc(gc_ns, 0.99) / 1e6, 3) AS gc_ms, round(quantile_disc(scheduler_ns, 0.99) / 1e6, 3) AS scheduler_ms,
       round(quantile_disc(lock_ns, 0.99) / 1e6, 3) AS lock_ms, round(quantile_disc(wait_ns, 0.99) / 1e6, 3) AS wait_ms,
       round(quantile_disc(sleep_ns, 0.99) / 1e6, 3) AS sleep_ms, round(quantile_disc(file_ns, 0.99) / 1e6, 3) AS file_ms,
       round(quantile_disc(client_io_ns, 0.99) / 1e6, 3) AS client_io_ms, round(quantile_disc(unknown_ns, 0.99) / 1e6, 3) AS unknown_ms
FROM requests
WHERE NOT incomplete
GROUP BY date, endpoint
ORDER BY date, endpoint
