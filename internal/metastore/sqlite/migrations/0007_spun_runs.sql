-- "The runs that spun a task", which other lists leave out.
CREATE INDEX runs_spun ON runs (id) WHERE json_extract(info, '$.spin') IS NOT NULL;
