"""Whether this process may be forked, and what a forked one has to put right."""

import os
import sys
from _stat import S_ISFIFO, S_ISREG, S_ISSOCK
from _struct import calcsize, unpack_from

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
#: Threads whose library puts itself right in a forked process: jemalloc's, which pyarrow starts, and so pandas.
_HARMLESS = ("jemalloc_bg_thd",)
#: Ends of the addresses of services, SSSD and Winbind, that the C library asks who a user is. It keeps the connection,
#: and makes another in a forked process.
_HARMLESS_PEERS = ("/sss/pipes/nss", "/winbindd/pipe")
#: Files that processes may share: the database of PROJ, which geopandas opens. PROJ opens it anew in a forked process,
#: unless its SQLite reads without moving the position in the file.
_HARMLESS_FILES = ("proj.db",)
#: Libraries in which the threads of all others wait.
_WAITING_ROOMS = frozenset(("libc", "libpthread", "ld", "libstdc++", "libc++", "libgcc_s"))
#: Bytes of a thread's stack that are read to find out where it waits.
_STACK = 4096
#: What a reason names at most.
_NAMED = 4


def fork_unsafe():
    """Why tasks must not be forked from this process, and what to do about it; empty if they may.

    A fork copies only the thread that calls it. Locks that others hold stay locked for ever in the child, and
    thread pools that a library believes to have are gone. Of what is open it copies nothing: all processes would read
    the same connection, queue or file, each of them taking away what another waits for.
    """
    if sys.platform == "darwin":
        return "system frameworks of macOS do not survive a fork"
    threading = sys.modules.get("threading")
    if threading is not None:
        names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        if names:
            return "the flow's file starts threads when it is imported: %s (start them in the steps)" % _few(names)
    libraries = _threads_of_libraries()
    if libraries:
        return "libraries start threads when the flow's file is imported: %s (import and use them in the steps)" % (
            _few(libraries)
        )
    shared = [] if _debugger() else _shared()
    if shared:
        return "the flow's file opens what tasks cannot share: %s (open it in the steps)" % _few(shared)
    return ""


def _few(names):
    names = sorted(set(names))
    return ", ".join(names[:_NAMED]) + (" and more" if len(names) > _NAMED else "")


# Threads of libraries.


def _threads_of_libraries():
    """The libraries whose threads a fork would lose. OpenBLAS is none: it stops and restarts its own around a fork."""
    native = _native_threads()
    if not native:
        return []
    lost, blas, unclear = [], 0, []
    code = _mapped_code()
    for thread, name in native:
        library = _library_of(thread, code)
        if library is None:
            unclear.append(name)
        elif "openblas" in os.path.basename(library):
            blas += 1
        else:
            lost.append(_package(library))
    if len(unclear) > _most_of_openblas(code) - blas:
        own = _thread_name(os.getpid())
        lost += [name if name and name != own else "a thread without a name" for name in unclear]
    return lost


def _native_threads():
    """Ids and names of the threads beside this one that a fork would lose."""
    try:
        threads = os.listdir("/proc/self/task")
    except OSError:
        return []
    own = {str(os.getpid()), *_debugger_threads()}
    named = [(thread, _thread_name(thread)) for thread in threads if thread not in own]
    return [(thread, name) for thread, name in named if name not in _HARMLESS]


def _thread_name(thread):
    try:
        with open("/proc/self/task/%s/comm" % thread) as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def _mapped_code():
    """Where the code of libraries is: start, end and path of each, in order of their addresses."""
    code = []
    for line in _maps().split("\n"):
        parts = line.split(None, 5)
        if len(parts) == 6 and "x" in parts[1] and parts[5][0] == "/":
            start, _, end = parts[0].partition("-")
            code.append((int(start, 16), int(end, 16), parts[5]))
    return code


def _maps():
    try:
        with open("/proc/self/maps") as file:
            return file.read()
    except OSError:
        return ""


def _library_of(thread, code):
    """The path of the library that has a thread wait; None if it does not wait, or the kernel does not tell.

    It waits somewhere in the C library, and on its stack are the places where it will return to. So the first of them
    in another library tells whose it is.
    """
    from _bisect import bisect_right

    try:
        with open("/proc/self/task/%s/syscall" % thread) as file:
            top = int(file.read().split()[-2], 16)  # the last two of its numbers are where its stack and its code are
        with open("/proc/self/mem", "rb", 0) as memory:
            memory.seek(top)
            stack = memory.read(_STACK)
    except (OSError, ValueError, IndexError, OverflowError):
        return None
    for address in unpack_from("%dP" % (len(stack) // calcsize("P")), stack):
        at = bisect_right(code, (address + 1,)) - 1
        if at >= 0 and address < code[at][1] and not _is_waiting_room(code[at][2]):
            return code[at][2]
    return None


def _is_waiting_room(path):
    name = os.path.basename(path)
    return name.split(".")[0].split("-")[0] in _WAITING_ROOMS or name.startswith(("python", "libpython"))


def _package(library):
    """What a user calls the library with this path: the package that has brought it, if one has."""
    for folder in ("/site-packages/", "/dist-packages/"):
        if folder in library:
            return library.rpartition(folder)[2].split("/")[0].split(".")[0].lstrip("_")
    return os.path.basename(library).split(".")[0]


def _most_of_openblas(code):
    """How many threads OpenBLAS may have."""
    libraries = {path for _, _, path in code if "openblas" in os.path.basename(path)}
    each = len(os.sched_getaffinity(0))  # more it never starts, whatever the variables say
    for variable in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(variable, "").isdigit():
            each = min(each, int(os.environ[variable]))
            break
    return len(libraries) * max(0, each - 1)


# What is open.


def _shared():
    """What is open that tasks would take from each other: connections, queues, event loops, files that are read."""
    try:
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return []
    found, pipes = [], set()
    for fd in descriptors:
        try:
            mode, flags = os.stat("/proc/self/fd/" + fd).st_mode, _flags(fd)
            leads_to = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            continue  # it was that of the listing
        if not flags & os.O_CLOEXEC:
            continue  # it is from outside, as the standard streams are: what the file opens does not outlive an exec
        if S_ISSOCK(mode):
            found += _peer(int(fd))
        elif S_ISFIFO(mode):
            if leads_to in pipes:  # with both ends: it leads to processes that are to come
                found.append("a queue or a pool of processes")
            pipes.add(leads_to)
        elif leads_to == "anon_inode:[eventpoll]":
            found.append("an event loop")
        elif S_ISREG(mode) and _is_read(flags) and not _is_memory(leads_to):
            name = os.path.basename(leads_to)
            found += [name] if name not in _HARMLESS_FILES else []
    return found


def _is_read(flags):
    """Whether a file is read where the last read ended; what only grows, such as a log, may be shared."""
    return flags & (os.O_RDWR | os.O_WRONLY) != os.O_WRONLY and not flags & os.O_APPEND


def _is_memory(path):
    """Whether a file is used as memory: then it is not read, and a fork shares it as it should."""
    return path.startswith(("/memfd:", "/dev/shm/")) or path + "\n" in _maps()


def _flags(fd):
    """The flags that a descriptor was opened with."""
    with open("/proc/self/fdinfo/" + fd) as file:
        return int(file.read().partition("flags:")[2].split()[0], 8)


def _peer(fd):
    """Where the connection of a socket leads; nothing if it has none, or one without a name, as the host's is."""
    from _socket import SOCK_STREAM, socket

    connection = socket(fileno=os.dup(fd))
    try:
        peer = connection.getpeername() if connection.type == SOCK_STREAM else ""
    except OSError:
        peer = ""
    finally:
        connection.close()
    if isinstance(peer, tuple):
        return ["the connection to %s:%d" % peer[:2]]
    peer = os.fsdecode(peer)
    return ["the connection to %s" % peer] if peer and not peer.endswith(_HARMLESS_PEERS) else []


# A debugger.


def _debugger():
    """Whether pydevd runs, the debugger of debugpy and PyCharm.

    It follows a fork, where it connects to its editor and starts its threads anew. To a fresh interpreter it would not
    find the way.
    """
    return "pydevd" in sys.modules


def _debugger_threads():
    """The ids of the debugger's threads, which it hides from ``threading.enumerate``."""
    if not _debugger():
        return []
    threads = sys.modules["threading"]._active.values()
    return [str(thread.native_id) for thread in threads if hasattr(thread, "is_pydev_daemon_thread")]


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

    def adopt_orphans(self):
        """Be the parent of what descendants leave behind, in place of the process 1."""
        if self._prctl is not None:
            self._prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def call(self, number, *arguments):
        """Make a system call of Linux; -1 if it fails."""
        return -1 if self._syscall is None else self._syscall(number, *arguments)

    def advise(self, start, size, advice):
        """Tell the kernel about memory. It may not want to hear of it."""
        if self._madvise is not None:
            self._madvise(start, size, advice)
