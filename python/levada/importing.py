"""Mistakes in a class body or a decorator, which end the import of a flow's file, told without the SDK's frames."""

import os
import sys

_HERE = os.path.dirname(__file__)
#: Where a flow is written down. What these modules raise is told by its message and the line of the user's file.
_DECLARING = frozenset(
    os.path.join(_HERE, name + ".py")
    for name in ("configs", "custom", "decorators", "flowspec", "includefile", "parameters")
)
_METAFLOW = os.path.join(os.path.dirname(_HERE), "metaflow")


def explain_mistakes():
    """Let mistakes of the file that Python was started with be told like that, unless it has a hook of its own."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _tell


def _tell(kind, exception, trace):
    from .exceptions import MetaflowException

    place = _place(trace) if isinstance(exception, MetaflowException) else None
    if place is None:
        sys.__excepthook__(kind, exception, trace)
        return
    from .failure import traceback_of
    from .launch import tell_broken

    exception.source_file, exception.line_no = place
    if not tell_broken(exception, traceback_of(exception)):
        from .failure import explanation

        if exception.headline == MetaflowException.headline:
            exception.headline = "Flow error"  # as the host calls it
        sys.stderr.write(explanation(exception))


def _place(trace):
    """File and line of the user's that a declaration was refused for; None if it was something else."""
    place = None
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((_HERE + os.sep, _METAFLOW + os.sep)):
            place = file, trace.tb_lineno
        last, trace = file, trace.tb_next
    return place if last in _DECLARING else None
