-- The cards that attempts made of themselves.
CREATE TABLE cards (
    run      INTEGER NOT NULL,
    task     INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    position INTEGER NOT NULL, -- among the cards of the step
    type     TEXT    NOT NULL,
    id       TEXT    NOT NULL, -- empty if it has none
    uuid     TEXT    NOT NULL,
    html     BLOB    NOT NULL, -- hash of a blob
    size     INTEGER NOT NULL, -- of the HTML, bytes
    data     BLOB,             -- hash of a blob
    PRIMARY KEY (run, task, attempt, position)
) WITHOUT ROWID, STRICT;
