"""Whether this process may be forked, and what a forked one has to put right."""

import os
import sys

_PR_SET_PDEATHSIG = 1
#: Threads whose library puts itself right in a forked process: jemalloc's, which pyarrow starts, and so pandas.
_HARMLESS = ("jemalloc_bg_thd",)


def fork_unsafe():
    """Why tasks must not be forked from this process; empty if they may.

    A fork copies only the thread that calls it. Locks that others hold stay locked for ever in the child, and
    thread pools that a library believes to have are gone.
    """
    if sys.platform == "darwin":
        return "system frameworks of macOS do not survive a fork"
    threading = sys.modules.get("threading")
    if threading is not None:
        names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        if names:
            return "the flow's file starts threads when it is imported: %s" % ", ".join(names[:4])
    native = _native_threads()
    more = len(native) - _explained_threads()
    if more <= 0:
        return ""
    names = sorted({name for name in native if name} - {_thread_name(os.getpid())})
    return "a library starts %s of its own when it is imported%s" % (
        "a thread" if more == 1 else "%d threads" % more,
        ": %s" % ", ".join(names[:4]) if names else "",
    )


def _native_threads():
    """The names of the threads beside this one that a fork would lose."""
    try:
        threads = os.listdir("/proc/self/task")
    except OSError:
        return []
    names = [_thread_name(thread) for thread in threads if thread != str(os.getpid())]
    return [name for name in names if name not in _HARMLESS]


def _thread_name(thread):
    try:
        with open("/proc/self/task/%s/comm" % thread) as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def _explained_threads():
    """How many threads OpenBLAS may have: it stops and restarts them around a fork."""
    try:
        with open("/proc/self/maps", "rb") as file:
            maps = file.read()
    except OSError:
        return 0
    libraries = {line.rsplit(b"/", 1)[-1] for line in maps.split(b"\n") if b"openblas" in line and b"/" in line}
    if not libraries:
        return 0
    each = len(os.sched_getaffinity(0))  # more it never starts, whatever the variables say
    for variable in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(variable, "").isdigit():
            each = min(each, int(os.environ[variable]))
            break
    return len(libraries) * max(0, each - 1)


def reseeders():
    """Functions that give the loaded libraries random generators of their own. Python's does that itself."""
    found = []
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        found.append(numpy_random.seed)
    torch_random = sys.modules.get("torch.random")
    if torch_random is not None:
        found.append(torch_random.default_generator.seed)
    return found


class LibC:
    """The functions of the C library that Python does not offer, looked up before the first fork."""

    def __init__(self):
        self._flush = self._prctl = self._syscall = self._madvise = None
        try:
            import ctypes

            library = ctypes.PyDLL(None)
            self._flush = library.fflush
            if sys.platform == "linux":
                self._prctl = library.prctl
                self._syscall = library.syscall
                self._madvise = library.madvise
                self._madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        except (ImportError, OSError, AttributeError):
            pass  # a Python without ctypes: the parent's end is noticed by the end of the conversation

    def flush(self):
        """Write out what C libraries printed: _exit would lose it."""
        if self._flush is not None:
            self._flush(None)

    def die_with_parent(self, signal):
        """Have the kernel send ``signal`` when the parent ends."""
        if self._prctl is not None:
            self._prctl(_PR_SET_PDEATHSIG, signal)

    def call(self, number, *arguments):
        """Make a system call of Linux; -1 if it fails."""
        return -1 if self._syscall is None else self._syscall(number, *arguments)

    def advise(self, start, size, advice):
        """Tell the kernel about memory. It may not want to hear of it."""
        if self._madvise is not None:
            self._madvise(start, size, advice)
