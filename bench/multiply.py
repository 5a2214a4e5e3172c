"""Multiply the first run of a store: python multiply.py STORE RUNS. Each copy has a value of its own in the database."""

import hashlib
import os
import sqlite3
import sys


def columns(db, table):
    return [row[1] for row in db.execute("PRAGMA table_info(%s)" % table)]


def multiply(db, runs):
    tables = ("tags", "tasks", "attempts", "artifacts", "scopes", "logs")
    own = [name for name in columns(db, "runs") if name != "id"]
    for run in range(2, runs + 1):
        db.execute("INSERT INTO runs (id, %s) SELECT ?, %s FROM runs WHERE id = 1" % (", ".join(own), ", ".join(own)), (run,))
        for table in tables:
            names = [name for name in columns(db, table) if name != "run"] if run == 2 else known[table]
            known[table] = names
            text = ", ".join(names)
            db.execute("INSERT INTO %s (run, %s) SELECT ?, %s FROM %s WHERE run = 1" % (table, text, text, table), (run,))
        data = os.urandom(2000)
        value = (hashlib.sha256(data).digest(), data)
        db.execute("INSERT INTO blobs (hash, data) VALUES (?, ?)", value)
        db.execute(
            "INSERT INTO artifacts (run, task, attempt, name, hash, size, codec, type) VALUES (?, 1, 0, 'own', ?, 2000, 'pickle', 'bytes')",
            (run, value[0]),
        )


known = {}

if __name__ == "__main__":
    with sqlite3.connect(os.path.join(sys.argv[1], "levada.db")) as connection:
        multiply(connection, int(sys.argv[2]))
