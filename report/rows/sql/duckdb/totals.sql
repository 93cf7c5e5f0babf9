-- The totals of each endpoint. They are exactly those of the report.
SELECT endpoint, route, kind, count(*) AS requests, sum(wall_ns)::BIGINT AS wall_ns,
       sum(db_ns)::BIGINT AS db_ns, sum(cache_ns)::BIGINT AS cache_ns, sum(queue_ns)::BIGINT AS queue_ns,
       sum(upstream_ns)::BIGINT AS upstream_ns, sum(cpu_ns)::BIGINT AS cpu_ns, sum(gc_ns)::BIGINT AS gc_ns,
       sum(scheduler_ns)::BIGINT AS scheduler_ns, sum(lock_ns)::BIGINT AS lock_ns, sum(wait_ns)::BIGINT AS wait_ns,
       sum(sleep_ns)::BIGINT AS sleep_ns, sum(file_ns)::BIGINT AS file_ns, sum(client_io_ns)::BIGINT AS client_io_ns,
       sum(unknown_ns)::BIGINT AS unknown_ns
FROM requests
WHERE NOT incomplete
GROUP BY endpoint, route, kind
ORDER BY wall_ns DESC, endpoint, route, kind
