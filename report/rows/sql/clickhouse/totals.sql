-- The totals of each endpoint. They are exactly those of the report.
SELECT endpoint, route, kind, toInt64(count()) AS requests, sum(wall_ns) AS wall_ns,
       sum(db_ns) AS db_ns, sum(cache_ns) AS cache_ns, sum(queue_ns) AS queue_ns, sum(upstream_ns) AS upstream_ns,
       sum(cpu_ns) AS cpu_ns, sum(gc_ns) AS gc_ns, sum(scheduler_ns) AS scheduler_ns, sum(lock_ns) AS lock_ns,
       sum(wait_ns) AS wait_ns, sum(sleep_ns) AS sleep_ns, sum(file_ns) AS file_ns, sum(client_io_ns) AS client_io_ns,
       sum(unknown_ns) AS unknown_ns
FROM requests FINAL
WHERE incomplete = 0
GROUP BY endpoint, route, kind
ORDER BY wall_ns DESC, endpoint, route, kind
