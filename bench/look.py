"""Measures the client of whatever `metaflow` is on the path, on the runs of HistoryFlow in the current folder.

Prints one JSON object: the fastest of several repetitions of each look, in seconds.
"""

import json
import sys
import time

began = time.perf_counter()
from metaflow import Flow, namespace  # noqa: E402

namespace(None)
run = Flow("HistoryFlow").latest_run
first = time.perf_counter() - began

looks = {
    "latest": lambda: Flow("HistoryFlow").latest_run,
    "model": lambda: Flow("HistoryFlow").latest_run["train"].task.data.model,
    "tasks": lambda: [(task.id, task.finished_at) for task in run["train"]],
    "models": lambda: [task.data.model for task in run["train"]],
    "runs": lambda: [(each.id, each.successful) for each in Flow("HistoryFlow")],
    "stdout": lambda: run["train"].task.stdout,
}
result = {"first": first}
for name in sys.argv[2:]:
    times = []
    for _ in range(int(sys.argv[1])):
        start = time.perf_counter()
        looks[name]()
        times.append(time.perf_counter() - start)
    result[name] = min(times)
print(json.dumps(result))
