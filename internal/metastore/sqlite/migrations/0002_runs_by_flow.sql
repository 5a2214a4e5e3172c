-- "The newest runs of this flow" and "the runs with this tag" without reading every run.
CREATE INDEX runs_by_flow ON runs (flow, id);
CREATE INDEX tags_by_tag ON tags (tag, run);
