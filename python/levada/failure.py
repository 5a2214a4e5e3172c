"""How a failure looks: on the task's stderr, and in the frame that tells the host of it."""

import sys
from os.path import dirname

from .exceptions import MetaflowException, TimeoutException, UnpicklableArtifactException
from .standard import library

with library():
    from traceback import StackSummary, TracebackException

_OWN = dirname(__file__) + "/"
_METAFLOW = dirname(dirname(__file__)) + "/metaflow/"

#: What stands between two functions of the user's: decorators call steps.
_BETWEEN = _OWN + "custom.py"

_LONGEST = 200_000


def _is_own(frame):
    return frame.filename.startswith((_OWN, _METAFLOW))


def _trim(stack):
    """Take Levada's frames from both ends of a stack, and those between functions of the user's."""
    while stack and _is_own(stack[0]):
        del stack[0]
    while stack and _is_own(stack[-1]):
        del stack[-1]
    stack[:] = [frame for frame in stack if frame.filename != _BETWEEN]


def _trim_all(failure):
    """Trim a traceback, and those it was caused by."""
    seen = set()
    todo = [failure]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        _trim(one.stack)
        todo += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]


def traceback_of(exception):
    """The formatted traceback of an exception, with the user's frames only at its ends."""
    with library():  # which reads source files with modules that it imports then
        failure = TracebackException.from_exception(exception)
        _trim_all(failure)
        return without_secrets("".join(failure.format()))


def _way_to(exception):
    """The lines of the user's on which an exception came about that explains itself, without what it says."""
    with library():
        stack = TracebackException.from_exception(exception).stack
        _trim(stack)
        return without_secrets("".join(stack.format()))


def stack_of(frame, caller):
    """The formatted stack at a frame, as far as it was called by the function ``caller``: as in ``traceback_of``."""
    frames = []
    while frame is not None and frame.f_code is not caller.__code__:
        frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    with library():
        stack = StackSummary.extract(reversed(frames))
        _trim(stack)
        return "".join(stack.format())


def without_secrets(text):
    """The text without the values of the secrets that the task has."""
    secrets = sys.modules.get("levada.secret_backends")
    return text if secrets is None else secrets.redacted(text)


def qualified(cls):
    """The dotted name of a class, bare for builtins."""
    return cls.__qualname__ if cls.__module__ == "builtins" else "%s.%s" % (cls.__module__, cls.__qualname__)


def record(exception):
    """The exception as a frame has it."""
    return {
        "type": qualified(type(exception)),
        "message": _shortened(message(exception)),
        "traceback": _shortened(traceback_of(exception)),
    }


def message(exception):
    """The exception's message, even if it has none that can be had."""
    try:
        return without_secrets(str(exception))
    except Exception as error:
        return "<the exception's __str__ raised %s>" % type(error).__name__


def _shortened(text):
    """A text that fits into a frame: beginning and end of a long one."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return "%s\n... %d characters left out ...\n%s" % (text[:half], len(text) - _LONGEST, text[-half:])


def explanation(exception):
    """Headline and message of an exception that explains itself, four spaces in."""
    place = ""
    if exception.source_file:
        place += " in file %s" % exception.source_file
    if exception.line_no:
        place += " on line %d" % exception.line_no
    lines = ["%s%s:" % (exception.headline, place)] + str(exception.message).split("\n")
    return without_secrets("".join("    %s\n" % line if line else "\n" for line in lines))


def text(title, exception):
    """What a task prints about the exception that ended it."""
    if isinstance(exception, MetaflowException):
        said = explanation(exception)
        if exception.line_no is None and not isinstance(exception, TimeoutException):  # which tell the place themselves
            said += _way_to(exception)
        if not isinstance(exception, UnpicklableArtifactException) and exception.__cause__ not in (None, exception):
            said += "\n" + traceback_of(exception.__cause__)
        return "%s failed:\n%s\n" % (title, said)
    said = "%s failed:\n    Internal error\n%s\n" % (title, traceback_of(exception))
    if type(exception).__name__ == "BdbQuit" or isinstance(exception, EOFError) and "reading a line" in str(exception):
        said += "A task cannot read from the keyboard: its stdin is empty, so input() and pdb fail at once.\n"
    return said
