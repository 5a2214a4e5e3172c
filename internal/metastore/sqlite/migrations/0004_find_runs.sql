-- "The newest runs that failed", "of this user", "since then" without reading every run. Runs that succeeded are most of
-- all: for them the index would be as long as the table.
CREATE INDEX runs_by_status ON runs (status, id) WHERE status <> 'succeeded';
CREATE INDEX runs_by_user ON runs (user, id);
CREATE INDEX runs_by_created ON runs (created);
