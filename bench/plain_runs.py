"""Reads all runs of a store with Python's own sqlite3 and prints them as JSON: what `levada runs --limit 0 --json` is compared with."""

import json
import sqlite3
import sys

db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
counts = dict(db.execute("SELECT run, count(*) FROM attempts WHERE task > 0 GROUP BY run"))
tags = {}
for run, tag in db.execute("SELECT run, tag FROM tags ORDER BY run, tag"):
    tags.setdefault(run, []).append(tag)
columns = "id, flow, status, user, created, ended, origin, failed_task, problem, info"
for row in db.execute("SELECT %s FROM runs ORDER BY id DESC" % columns):
    run = dict(zip(columns.split(", "), row))
    run["info"] = json.loads(run["info"])
    run["tags"] = tags.get(run["id"], [])
    run["tasks"] = counts.get(run["id"], 0)
    print(json.dumps(run))
