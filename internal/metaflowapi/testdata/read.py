"""Reads a run of Train with Metaflow's own client, changes its tags, and prints what it saw as JSON."""

import json
import sys

from metaflow import Flow, Metaflow, Run, Task, namespace

namespace(None)
run = Run("Train/" + sys.argv[1])
end = run["end"].task
work = list(run["work"])
retried = next(t for t in work if t.metadata_dict["attempt"] == "1")
run.add_tags(["good", "better"])
run.replace_tag("better", "best")
run.remove_tag("good")
print(
    json.dumps(
        {
            "flows": sorted(f.id for f in Metaflow()),
            "latest": Flow("Train").latest_run.id,
            "latest_successful": Flow("Train").latest_successful_run.id,
            "successful": run.successful,
            "finished": run.finished,
            "steps": [s.id for s in run],
            "tasks": len(work),
            "alpha": run.data.alpha,
            "total": end.data.total,
            "large": len(run["start"].task.data.large),
            "stdout": end.stdout,
            "stderr": run["start"].task.stderr,
            "retried": retried.data.score,
            "first_attempt": Task(retried.pathspec, attempt=0).exception.exception,
            "tags": sorted(Run("Train/" + sys.argv[1]).user_tags),
            "tagged": [r.id for r in Flow("Train").runs("best")],
            "children": sorted(t.pathspec for t in run["start"].task.child_tasks) == sorted(t.pathspec for t in work),
            "parents": [t.pathspec for t in retried.parent_tasks] == [run["start"].task.pathspec],
            "by_index": [t.metadata_dict["foreach-execution-path"] for t in work],
            "user": run["start"].task.metadata_dict["user"],
            "ends": [run.created_at < run.finished_at, run.end_task.id == end.id],
        }
    )
)
