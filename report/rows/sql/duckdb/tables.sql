-- The tables of a folder that timesink export wrote, as views. Replace rows by the folder or
-- by s3://BUCKET/PREFIX. The columns service and date come from the path. Read ndjson with
-- read_json('rows/cases/**/*.ndjson', hive_partitioning = true) in place of read_parquet.
CREATE OR REPLACE VIEW cases    AS SELECT * FROM read_parquet('rows/cases/**/*.parquet',    hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW requests AS SELECT * FROM read_parquet('rows/requests/**/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW segments AS SELECT * FROM read_parquet('rows/segments/**/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW calls    AS SELECT * FROM read_parquet('rows/calls/**/*.parquet',    hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW findings AS SELECT * FROM read_parquet('rows/findings/**/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW samples  AS SELECT * FROM read_parquet('rows/samples/**/*.parquet',  hive_partitioning = true, union_by_name = true);
