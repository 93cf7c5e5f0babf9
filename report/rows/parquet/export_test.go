package parquet

func init() { groupRows = 1000 } // so that small tables have several row groups
