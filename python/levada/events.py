"""What has started a run: ``current.trigger``."""

from collections import namedtuple

#: An event: its name, its id, when it was, and ``"run"`` if it is the end of a run.
MetaflowEvent = namedtuple("MetaflowEvent", ["name", "id", "timestamp", "type"])


class Trigger:
    """The events that have started a run, newest first.

    The end of a run is the event ``metaflow.<Flow>.<last step>``, and ``metaflow.<Flow>.end`` if that step has another
    name. Its id is the pathspec of the last task.
    """

    def __init__(self, events=(), runs=None) -> None:
        events = [MetaflowEvent(**event) if isinstance(event, dict) else event for event in events]
        self._events = sorted(events, key=lambda event: event.timestamp, reverse=True)
        self._runs = list(runs) if runs is not None else None

    @classmethod
    def from_runs(cls, run_objs):
        """The trigger that the ends of these runs are."""
        events = []
        for run in run_objs:
            task = run.end_task
            flow, _, step, _ = task.pathspec.split("/")
            for name in dict.fromkeys((step, "end")):
                events.append(MetaflowEvent("metaflow.%s.%s" % (flow, name), task.pathspec, task.finished_at, "run"))
        return cls(events, run_objs)

    @property
    def event(self):
        """The newest event, or None."""
        return next(iter(self._events), None)

    @property
    def events(self):
        """All events, or None if there is none."""
        return list(self._events) or None

    @property
    def run(self):
        """The first of the runs, or None if it was no run."""
        return self._runs[0] if self._runs else None

    @property
    def runs(self):
        """The runs, or None if it was no run."""
        return list(self._runs) if self._runs else None

    def __getitem__(self, key):
        if self._runs is not None:
            for run in self._runs:
                if run.pathspec.split("/")[0] == key:
                    return run
        else:
            for event in self._events:
                if event.name == key:
                    return event
        raise KeyError(key)

    def __iter__(self):
        return iter(self._events)

    def __contains__(self, key):
        try:
            self[key]
            return True
        except KeyError:
            return False
