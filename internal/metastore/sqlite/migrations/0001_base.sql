-- The tables of a store. Times are microseconds since 1970, 0 for none; durations are
-- microseconds. Keys are clustered so that what is read together lies together: a run's
-- tasks, a task's attempts, an attempt's artifacts.

CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, even if a run is deleted
    flow        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    user        TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    ended       INTEGER NOT NULL DEFAULT 0,
    origin      INTEGER NOT NULL DEFAULT 0,        -- run that this one resumes
    failed_task INTEGER NOT NULL DEFAULT -1,
    problem     TEXT    NOT NULL DEFAULT '',
    host        TEXT    NOT NULL,                  -- lease: host, boot, pid, start, heartbeat
    boot        TEXT    NOT NULL,
    pid         INTEGER NOT NULL,
    start       INTEGER NOT NULL,
    heartbeat   INTEGER NOT NULL,
    definition  BLOB,                              -- hash of a blob
    code        BLOB,                              -- hash of a blob
    info        TEXT    NOT NULL                   -- metastore.RunInfo as JSON
) STRICT;

CREATE TABLE tags (
    run    INTEGER NOT NULL,
    system INTEGER NOT NULL, -- 1 for a system tag
    tag    TEXT    NOT NULL,
    PRIMARY KEY (run, system, tag)
) WITHOUT ROWID, STRICT;

CREATE TABLE tasks (
    run       INTEGER NOT NULL,
    id        INTEGER NOT NULL,
    step      TEXT    NOT NULL,
    scope     INTEGER NOT NULL,
    idx       INTEGER NOT NULL,
    iteration INTEGER NOT NULL,
    base      INTEGER NOT NULL,
    inputs    BLOB,             -- ids of the joined tasks, each a signed varint of the step from the one before
    origin    INTEGER NOT NULL, -- run in which it really ran, 0 if this one
    created   INTEGER NOT NULL,
    PRIMARY KEY (run, id)
) WITHOUT ROWID, STRICT;

CREATE TABLE attempts (
    run           INTEGER NOT NULL,
    task          INTEGER NOT NULL,
    n             INTEGER NOT NULL,
    status        TEXT    NOT NULL,
    pid           INTEGER NOT NULL,
    started       INTEGER NOT NULL,
    ended         INTEGER NOT NULL,
    exit_code     INTEGER NOT NULL,
    signal        INTEGER NOT NULL,
    user_cpu      INTEGER NOT NULL,
    system_cpu    INTEGER NOT NULL,
    peak_memory   INTEGER NOT NULL, -- bytes
    memory_source TEXT    NOT NULL,
    complete      INTEGER NOT NULL, -- 1 if its artifacts are all that the task has
    log_lines     INTEGER NOT NULL,
    log_bytes     INTEGER NOT NULL,
    log_file      TEXT    NOT NULL,
    value         TEXT    NOT NULL,
    transition    BLOB,
    exception     TEXT,             -- metastore.Exception as JSON
    series        BLOB,
    PRIMARY KEY (run, task, n)
) WITHOUT ROWID, STRICT;

CREATE TABLE artifacts (
    run     INTEGER NOT NULL,
    task    INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    hash    BLOB    NOT NULL,
    size    INTEGER NOT NULL,
    codec   TEXT    NOT NULL,
    type    TEXT    NOT NULL,
    inline  BLOB,
    PRIMARY KEY (run, task, attempt, name)
) WITHOUT ROWID, STRICT;

CREATE TABLE scopes (
    run    INTEGER NOT NULL,
    split  INTEGER NOT NULL,
    step   TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    var    TEXT    NOT NULL,
    count  INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    items  BLOB,             -- hash of a blob
    PRIMARY KEY (run, split)
) WITHOUT ROWID, STRICT;

-- Logs and blobs may be long. A table with rowids keeps long rows in chains of their own,
-- so the index above them stays small.
CREATE TABLE logs (
    run     INTEGER NOT NULL,
    task    INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    data    BLOB    NOT NULL,
    UNIQUE (run, task, attempt)
) STRICT;

CREATE TABLE blobs (
    hash BLOB NOT NULL UNIQUE,
    data BLOB NOT NULL
) STRICT;
