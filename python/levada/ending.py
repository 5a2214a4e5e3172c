"""How the process of a task ends: as Python ends any process, as far as the task itself has left something to do.

Threads are waited for, though not for ever: one that is stuck is to end with its task. Functions that were registered
with ``atexit`` are called, finalizers run, open files are written out. The rest of what Python does, to take modules
apart, would touch all memory that a task shares with its fork server, for nothing: the process is gone right after.

What the user's file left when it was imported belongs to the fork server. A task that removed, say, a temporary folder
of it would take it from the tasks to come. ``Ending`` is made before the first fork, and tells the two apart.
"""

import atexit
import gc
import sys
from _io import _BufferedIOBase, _TextIOBase
from _thread import allocate_lock
from itertools import compress
from time import monotonic, sleep

from .artifacts import Loaded, Staging
from .task import Task
from .wire import Channel

#: Seconds after which a task that waits for its threads says so, and after which it waits no longer.
SOON, LATE = 5, 30
_PATIENCE = 2  # seconds for a resource tracker to clean up
_PAUSE = 0.01

#: What files with a buffer are.
_FILES = (_TextIOBase, _BufferedIOBase)

#: Where trackers of shared memory and semaphores are: those of multiprocessing, and of loky, which joblib uses.
_TRACKERS = (
    "multiprocessing.resource_tracker",
    "loky.backend.resource_tracker",
    "joblib.externals.loky.backend.resource_tracker",
)


class Ending:
    """What a task has to do at its end."""

    def __init__(self, forked):
        """``forked``: this process is the fork server, not the one of a task."""
        #: Files that are open already, and which the task may write to.
        self._files = []
        #: Types of objects that are no files.
        self._harmless = set()
        if forked:
            kinds, files = _survey()
            for file in files:
                _flush(file)
            # A task writes out its output before it says that it is done.
            output = [one for stream in (sys.stdout, sys.stderr) for one in (stream, getattr(stream, "buffer", None))]
            self._files = [file for file in files if _is_writable(file) and not any(file is one for one in output)]
            # Those that the server has now, and those that most tasks make.
            made = (Task, Channel, Loaded, Staging, type(allocate_lock()), type(iter([])))
            for kind in (*kinds, *made):
                if type(kind).__hash__ is type.__hash__ and not issubclass(kind, _FILES):  # or ask its metaclass
                    self._harmless.add(kind)
            self._keep()
        self._has_files = len(self._files) > 0
        self._threading = _loaded("threading", "_active")
        #: How many modules there were; -1 if one is among them that has to be looked at in any case.
        self._modules = -1 if any(name in sys.modules for name in _TRACKERS) else len(sys.modules)

    def _keep(self):
        """Keep what is to happen at the end of this process from happening at the end of each that is forked."""
        atexit._clear()
        finalize = getattr(sys.modules.get("weakref"), "finalize", None)
        for finalizer in list(getattr(finalize, "_registry", ())):
            finalizer.atexit = False
        if finalize is not None:
            finalize._registered_with_atexit = False  # the next one registers again
        processes = _loaded("multiprocessing.process", "_children")
        if processes is not None:
            processes._children.clear()  # they are no children of a task, which would kill its daemons and wait for all
        # These look after what there is when they are called.
        logging, util = _loaded("logging", "shutdown"), _loaded("multiprocessing.util", "_exit_function")
        if util is not None:
            atexit.register(util._exit_function)
        if logging is not None:
            atexit.register(logging.shutdown)

    def __call__(self):
        """End the task. What goes wrong is told on stderr and keeps nothing else from being done."""
        if self.is_due():
            self._end()

    def is_due(self):
        """Whether there may be anything left to do. Most tasks leave nothing, so this touches little."""
        try:
            return (
                len(sys.modules) != self._modules
                or self._threading is not None and len(self._threading._active) > 1
                or atexit._ncallbacks() > 0
                or self._has_files
                or not self._harmless.issuperset(map(type, gc.get_objects()))
            )  # fmt: skip
        except Exception:
            return True  # a class that cannot be in a set

    def _end(self):
        threading = _loaded("threading", "_active")
        if threading is not None and len(threading._active) > 1:
            _wait_for_threads(threading)
        if atexit._ncallbacks():
            _call(atexit._run_exitfuncs)
        for file in (sys.stdout, sys.stderr, *self._files, *_open_files()):
            _flush(file)
        for name in _TRACKERS:
            tracker = getattr(sys.modules.get(name), "_resource_tracker", None)
            if getattr(tracker, "_pid", None) is not None:
                _end_tracker(tracker)


def _loaded(name, attribute):
    """A module of Python's, if it is loaded, and not one of the user's with that name."""
    module = sys.modules.get(name)
    return module if hasattr(module, attribute) else None


def _wait_for_threads(threading):
    """Wait for threads that are no daemons, as Python does at the end of a process."""
    began = monotonic()

    def close_pools():  # which waits for what is in them
        for close in reversed(getattr(threading, "_threading_atexits", ())):
            _call(close)

    closing = threading.Thread(target=close_pools, daemon=True)
    closing.start()
    threads = [closing, *_alive(threading)]
    for limit, text in (
        (SOON, "the step is done; its process waits for %s"),
        (LATE, "the process ends without waiting longer for %s. Wait for it in the step, or make it a daemon."),
    ):
        for thread in threads:
            thread.join(max(0, began + limit - monotonic()))
        names = [thread.name for thread in _alive(threading)]
        if not names:
            return
        print("levada: " + text % ("the thread%s %s" % ("s" * (len(names) > 1), ", ".join(names[:4]))), file=sys.stderr)


def _alive(threading):
    return [one for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]


def _call(function):
    try:
        function()
    except BaseException:
        sys.excepthook(*sys.exc_info())


def _open_files():
    """The files that have a buffer, those that a fork server had before its first fork aside."""
    # By their types alone: some objects, such as a weakref's proxies, answer isinstance for another, or not at all.
    return [one for one in gc.get_objects() if issubclass(type(one), _FILES)]


def _survey():
    """The types of all objects, and those objects that are open files. There are many thousands, so C looks."""
    objects = gc.get_objects()
    try:
        kinds = set(map(type, objects))
    except Exception:  # a metaclass gives its classes no hash: then each task looks at everything
        return (), _open_files()
    buffered = {kind for kind in kinds if issubclass(kind, _FILES)}
    return kinds, list(compress(objects, map(buffered.__contains__, map(type, objects))))


def _is_writable(file):
    try:
        return not file.closed and file.writable()
    except Exception:
        return True  # it does not say


def _flush(file):
    try:
        if not file.closed:
            file.flush()
    except Exception:
        pass  # not open for writing, or gone; what it held could not be written


def _end_tracker(tracker):
    """Let the process that tracks shared memory clean up: it would be ended with the task."""
    from os import WNOHANG, close, waitpid

    fd, pid = tracker._fd, tracker._pid
    tracker._fd = tracker._pid = None
    limit = monotonic() + _PATIENCE
    try:
        close(fd)
        while waitpid(pid, WNOHANG)[0] == 0 and monotonic() < limit:
            sleep(_PAUSE)
    except (OSError, TypeError):
        pass  # it is another process's, or gone
