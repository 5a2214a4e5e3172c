-- What other engines than Levada's say: names of runs and tasks, and notes on tasks.
CREATE UNIQUE INDEX runs_by_name ON runs (flow, json_extract(info, '$.name')) WHERE json_extract(info, '$.name') IS NOT NULL;

CREATE TABLE task_names (
    run  INTEGER NOT NULL,
    name TEXT    NOT NULL,
    task INTEGER NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID, STRICT;

CREATE TABLE notes (
    id    INTEGER PRIMARY KEY,
    run   INTEGER NOT NULL,
    task  INTEGER NOT NULL,
    kind  TEXT    NOT NULL,
    name  TEXT    NOT NULL,
    value TEXT    NOT NULL,
    type  TEXT    NOT NULL,
    user  TEXT    NOT NULL,
    tags  TEXT    NOT NULL, -- a list as JSON
    at    INTEGER NOT NULL
) STRICT;
CREATE INDEX notes_by_task ON notes (run, task, id);
