"""Names of events that belong to a project and its branch."""

import os

_PREFIX = "mfns"


class _Namespaced:
    """A name that is known when the flow is deployed or runs: calling it gives it."""

    def __init__(self, name):
        self._name = name

    def __call__(self, context=None):
        from .running import current

        prefix = os.environ.get("METAFLOW_NAMESPACED_EVENTS_PREFIX") or _PREFIX
        project, branch = current.get("project_name"), current.get("branch_name")
        return ".".join([prefix, project, branch, self._name] if project and branch else [prefix, self._name])

    def __repr__(self):
        return "<event %s of the project and branch>" % self._name


def namespaced_event_name(event_name: str) -> "_Namespaced":
    """The name of an event that only this branch of the project hears of: ``mfns.<project>.<branch>.<name>``.

    It is a function, for ``@trigger(event=namespaced_event_name("new_data"))``: project and branch are known later.
    Without ``@project`` it is ``mfns.<name>``.
    """
    return _Namespaced(event_name)
