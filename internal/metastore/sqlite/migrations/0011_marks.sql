-- What writers far away have written of the batch they are at, so that what they send again is not written twice.
CREATE TABLE marks (
    writer TEXT    NOT NULL,
    batch  INTEGER NOT NULL,
    item   INTEGER NOT NULL, -- of the batch
    run    INTEGER NOT NULL, -- that was created, 0 for a record
    at     INTEGER NOT NULL,
    PRIMARY KEY (writer, batch, item)
) WITHOUT ROWID, STRICT;
