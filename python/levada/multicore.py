"""``parallel_map``: a function over many arguments, on all cores, each call in a process forked for it."""

import os
import pickle
import signal
import sys

from .exceptions import MetaflowException
from .standard import TYPE_CHECKING, library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: Seconds between two looks at processes whose pipes say nothing.
_LOOK = 0.2


class MulticoreException(Exception):
    """A process of parallel_map failed; it has printed why on stderr."""


def _run(function, argument, path):
    """The life of a process: call the function, write down what it returns. Does not return."""
    code = 1
    try:
        value = function(argument)
        with open(path, "wb") as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
        code = 0
    except BaseException:
        from .failure import traceback_of

        sys.stderr.write(traceback_of(sys.exc_info()[1]))
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass  # it is gone; nobody reads it
        os._exit(code)


def _ended(running):
    """Wait for one of our processes, and for no other; its pid, and whether it did well."""
    # Waiting for any child would take away those that others have started.
    if len(running) == 1:
        (pid,) = running
        return pid, os.waitpid(pid, 0)[1] == 0
    with library():
        from select import select

    while True:
        # What a process has forked and left behind holds its pipe open: then its end is seen at the next look.
        ready = select([pipe for pipe, _, _ in running.values()], [], [], _LOOK)[0]
        for pid, (pipe, _, _) in running.items():
            ended, status = os.waitpid(pid, 0 if pipe in ready else os.WNOHANG)
            if ended:
                return pid, status == 0


def parallel_imap_unordered(func, iterable, max_parallel=None, dir=None) -> "Iterator[Any]":
    """Yield ``func(element)`` for each element, in the order in which they are done.

    At most ``max_parallel`` processes, by default one a core, run at once. What they return is pickled into a file in
    ``dir``. If one fails, MulticoreException is raised at once. Those that still run then, or when nobody asks for
    more, are killed.
    """
    for _, value in _indexed(func, iterable, max_parallel, dir):
        yield value


def parallel_map(func, iterable, max_parallel=None, dir=None) -> "list[Any]":
    """A list of ``func(element)`` for each element, in order, computed by several processes at once; see above."""
    found = sorted(_indexed(func, iterable, max_parallel, dir), key=lambda pair: pair[0])
    return [value for _, value in found]


def _indexed(func, iterable, max_parallel, dir):
    with library():
        from tempfile import TemporaryDirectory

    limit = max_parallel or _cores()
    if limit < 1:
        raise MetaflowException("max_parallel is a number of processes, at least 1, not %r." % (max_parallel,))
    running = {}  # pid -> the pipe that its end closes, its index, the file with its value
    todo = enumerate(iterable)
    with TemporaryDirectory(prefix="parallel_map_", dir=dir) as folder:
        try:
            more = True
            while more or running:
                while more and len(running) < limit:
                    try:
                        index, argument = next(todo)
                    except StopIteration:
                        more = False
                        break
                    path = os.path.join(folder, str(index))
                    running.update(_started(func, argument, index, path))
                if running:
                    pid, ok = _ended(running)
                    pipe, index, path = running.pop(pid)
                    os.close(pipe)
                    if not ok:
                        raise MulticoreException("Child failed")
                    with open(path, "rb") as file:
                        value = pickle.load(file)
                    os.unlink(path)
                    yield index, value
        finally:
            for pid, (pipe, _, _) in running.items():  # nobody will read what they return
                os.kill(pid, signal.SIGKILL)
                os.close(pipe)
                os.waitpid(pid, 0)


def _started(func, argument, index, path):
    sys.stdout.flush()
    sys.stderr.flush()
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        _run(func, argument, path)
    os.close(theirs)
    return {pid: (ours, index, path)}


def _cores():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1
