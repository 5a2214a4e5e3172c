-- The values of parameters, of long ones how they begin, so that runs are found by them.
CREATE TABLE parameters (
    name  TEXT    NOT NULL,
    value TEXT    NOT NULL,
    run   INTEGER NOT NULL,
    PRIMARY KEY (name, value, run)
) WITHOUT ROWID, STRICT;
CREATE INDEX parameters_by_run ON parameters (run, value);

CREATE TRIGGER parameters_of_new_runs AFTER INSERT ON runs BEGIN
    INSERT INTO parameters SELECT key, substr(value, 1, 256), new.id FROM json_each(new.info, '$.parameters');
END;
CREATE TRIGGER parameters_of_changed_runs AFTER UPDATE OF info ON runs WHEN new.info <> old.info BEGIN
    DELETE FROM parameters WHERE run = old.id;
    INSERT INTO parameters SELECT key, substr(value, 1, 256), new.id FROM json_each(new.info, '$.parameters');
END;
CREATE TRIGGER parameters_of_deleted_runs AFTER DELETE ON runs BEGIN
    DELETE FROM parameters WHERE run = old.id;
END;

INSERT INTO parameters SELECT p.key, substr(p.value, 1, 256), r.id FROM runs AS r, json_each(r.info, '$.parameters') AS p;
