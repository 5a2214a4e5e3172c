-- "The runs since then" and "before then" without reading every run.
CREATE INDEX runs_by_created ON runs (created);
