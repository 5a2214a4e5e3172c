"""The fork server: a process that has imported the user's file and forks one process for each task.

One thread, one loop over two descriptors: the control socket, and a pipe that SIGCHLD writes to.
"""

import gc
import os
import resource  # wait4 would import it on first use
import select
import sys
from _signal import (
    SIG_BLOCK,
    SIG_DFL,
    SIG_IGN,
    SIG_SETMASK,
    SIGCHLD,
    SIGINT,
    SIGKILL,
    SIGTERM,
    pthread_sigmask,
    set_wakeup_fd,
    signal,
)
from _socket import CMSG_SPACE, SCM_RIGHTS, SOL_SOCKET, socket
from _struct import unpack
from os import _exit, close, dup2, getppid, setpgid

from . import safety, signals
from .ending import Ending
from .forkhooks import ForkHooks
from .hotpages import SCOUTS, HotPages
from .hugetext import use_huge_pages
from .task import converse, flush
from .warmup import warm_up
from .wire import ConversationEnded, decode, frame, pack_frame, unpack_lengths

_wait4 = os.wait4
if not hasattr(select, "poll"):  # a select.py of the user's
    from .standard import load

    select = load("select")
if not hasattr(resource, "struct_rusage"):
    from .standard import load, wait4_with

    _wait4 = wait4_with(load("resource"))
try:
    from _socket import MSG_CMSG_CLOEXEC
except ImportError:  # not Linux
    MSG_CMSG_CLOEXEC = 0

_CANNOT_FORK = 71  # EX_OSERR of sysexits.h
_CHUNK = 1 << 16
_ANCILLARY = CMSG_SPACE(253 * 4)  # the kernel passes at most 253 descriptors at once
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
#: Frames that are said of each task, without the work of writing them from a dict.
_FORKED = '{"type":"forked","id":%d,"pid":%d}'
_EXITED = '{"type":"exited","id":%d,"code":%d,"signal":%d,"utime":%f,"stime":%f,"maxrss":%d}'
_WAIT = os.WEXITED | os.WNOHANG | os.WNOWAIT


class ForkServer:
    """Serves the control conversation on a descriptor until it ends."""

    def __init__(self, flow, plans, control):
        self._flow = flow
        self._plans = plans
        self._control = socket(fileno=control)
        self._fd = control
        self._buffer = b""
        self._unsent = []  # frames for the host, sent when all that has come is done: so they are read at once
        self._context = {}  # what the tasks of the run have in common
        self._received = []  # descriptors, in the order in which they came
        self._pids = {}  # id of the host -> pid
        self._ids = {}  # pid -> id of the host
        self._pid = os.getpid()
        self._forks = 0
        self._libc = safety.LibC()
        self._hot = HotPages(self._libc)
        self._scouts = set()  # their pids
        self._closing = []  # descriptors that no task must keep
        self._hooks = ForkHooks()
        self._reseed = safety.reseeders()
        self._stopping = False
        self._wake, self._waker = os.pipe()

    def serve(self):
        """Run until the host says stop or closes the socket. Does not return."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(line_buffering=True)
        flush()
        self._libc.flush()
        if any(plan.cards for plan in self._plans.steps.values()):
            from .cards import preload  # noqa: F401  each task would import it
        gc.collect()
        self._daemons = _daemons_of_host()
        self._end = Ending(forked=True)
        warm_up(type(self._flow), self._plans.steps, self._rehearse)
        signals.handle(self._on_signal)  # tasks keep it: two system calls less for each
        # Python forgets what comes to a new process before it is at home there: a task lets them come when it is ready.
        self._mask = pthread_sigmask(SIG_BLOCK, (SIGINT, SIGTERM))
        self._hooks.take_off()
        self._reseed += self._hooks.reseed
        self._closing = self._descriptors()
        for fd in (self._wake, self._waker):
            os.set_blocking(fd, False)
        set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal(SIGCHLD, _wake_up)
        if getppid() == 1:  # in a container, the host: it waits only for what it has started itself
            self._libc.adopt_orphans()
        gc.disable()
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        try:
            while not self._stopping:
                for fd, _ in poll.poll():
                    if fd == self._fd:
                        self._receive()
                    else:
                        os.read(self._wake, 4096)
                        self._reap()
                if self._unsent:
                    self._control.sendall(b"".join(self._unsent))
                    self._unsent.clear()
        except (ConversationEnded, OSError, ValueError):
            pass  # the host is gone, or talks nonsense: both end the conversation
        except Exception:
            sys.excepthook(*sys.exc_info())  # nobody else would tell of it
        finally:
            self._kill_all()
            os._exit(0)

    def _descriptors(self):
        """The server's own descriptors, apart from those that it has received."""
        hot = [self._hot.descriptor] if self._hot.descriptor >= 0 else []
        return [self._wake, self._waker, self._fd, *hot]

    def _on_signal(self, signum, frame):
        # Ending the run is the host's business: systemd and Slurm signal all processes, and tasks may have to clean up.
        if os.getpid() != self._pid:
            signals.end_step(signum, frame)

    def _kill_all(self):
        for pid in self._ids:
            _killpg(pid, SIGKILL)
        if os.getpgrp() == self._pid:
            # What the user's file started, such as the processes of a pool, would wait for ever for this one. It is
            # asked, for there may be something to clean up.
            signal(SIGTERM, SIG_IGN)
            _killpg(self._pid, SIGTERM)
        for pid in self._daemons:
            try:
                os.kill(pid, SIGTERM)
            except OSError:
                pass  # it has ended

    # Frames of the host.

    def _receive(self):
        data, ancillary, _, _ = self._control.recvmsg(_CHUNK, _ANCILLARY, MSG_CMSG_CLOEXEC)
        for level, kind, passed in ancillary:
            if level == SOL_SOCKET and kind == SCM_RIGHTS:
                self._received.extend(unpack("%di" % (len(passed) // 4), passed[: len(passed) // 4 * 4]))
        if not data:
            raise ConversationEnded("the host closed the conversation")
        buffer = self._buffer + data if self._buffer else data
        start = 0
        while len(buffer) - start >= 8:
            header, body = unpack_lengths(buffer, start)
            if header > 1 << 24:
                raise ConversationEnded("a frame longer than the protocol allows")
            end = start + 8 + header + body
            if len(buffer) < end:
                break
            text = start + 8 + header
            message = decode(buffer[start + 8 : text].decode())
            start = end
            self._act(message, buffer[text:end] if body else b"")
        self._buffer = buffer[start:]

    def _act(self, message, body):
        kind = message["type"]
        if kind == "fork":
            descriptors = self._received[:3]
            del self._received[:3]
            header = message.get("first")
            self._fork(message["id"], None if header is None else (header, body), *descriptors)
        elif kind == "kill":
            pid = self._pids.get(message["id"])
            if pid is not None and not _killpg(pid, message["signal"]):
                os.kill(pid, message["signal"])  # it does not lead its group yet
        elif kind == "context":
            self._context = message["context"]
            os.environ["METAFLOW_RUN_ID"] = self._context["run"]
        elif kind == "stop":
            self._stopping = True
        else:
            raise ConversationEnded("the host sent '%s', which is not known" % kind)

    # Processes.

    def _fork(self, id, first, conversation, stdout, stderr):
        for reseed in self._reseed:
            reseed()
        self._forks += 1
        is_scout = self._forks in SCOUTS
        if is_scout:
            self._hot.expect()
            self._closing = self._descriptors()
        # Nothing that exists now is garbage to the task: keep the collector from touching it, and so from copying the
        # pages it lies on.
        gc.freeze()
        child = self._child  # here Python remembers where it found it
        try:
            pid = os.fork()
        except OSError as error:
            pid, number = -1, error.errno or 0
            message = "fork: %s" % error.strerror
        if pid == 0:
            child(first, conversation, stdout, stderr, is_scout)
        os.close(conversation)
        os.close(stdout)
        os.close(stderr)
        if pid < 0:
            self._unsent.append(frame({"type": "exited", "id": id, "code": _CANNOT_FORK, "signal": 0, "utime": 0,
                                       "stime": 0, "maxrss": 0, "message": message, "errno": number}))  # fmt: skip
            return
        self._pids[id] = pid
        self._ids[pid] = id
        if is_scout:
            self._scouts.add(pid)
        self._unsent.append(pack_frame((_FORKED % (id, pid)).encode()))

    def _reap(self):
        while True:
            try:
                gone = os.waitid(os.P_ALL, 0, _WAIT)
            except ChildProcessError:
                return
            if gone is None:
                return
            pid = gone.si_pid
            id = self._ids.pop(pid, None)
            if id is not None:
                _killpg(pid, SIGKILL)  # what the task left behind; its number is still taken, so it is its group
            _, status, usage = _wait4(pid, 0)
            if id is None:
                continue  # a process that the user's file started
            del self._pids[id]
            if pid in self._scouts:
                self._scouts.remove(pid)
                if self._hot.ended():
                    self._closing = self._descriptors()
                    use_huge_pages()
            code, number = (-1, os.WTERMSIG(status)) if os.WIFSIGNALED(status) else (os.WEXITSTATUS(status), 0)
            text = _EXITED % (id, code, number, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * _MAXRSS_UNIT)
            self._unsent.append(pack_frame(text.encode()))

    def _child(self, first, conversation, stdout, stderr, is_scout):
        """The life of a forked process. Does not return."""
        code = None
        try:
            if self._detach(0, SIGKILL, stdout, stderr) == self._pid:  # else it had ended before
                pthread_sigmask(SIG_SETMASK, self._mask)
                self._hooks.call()
                signals.enter_task()
                code = converse(self._flow, self._plans, conversation, first, self._context)
                self._end()
        except KeyboardInterrupt:
            if code is None:  # it was asked to end before it had begun: the host must see that a signal ended it
                signal(SIGTERM, SIG_DFL)
                os.kill(os.getpid(), SIGTERM)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            flush()
        finally:
            self._libc.flush()
            if is_scout:
                self._hot.tell()
            _exit(1 if code is None else code)

    def _detach(self, group, death, stdout, stderr):
        """Make a forked process one of its own: group, signals, streams. Returns its parent's pid."""
        setpgid(0, group)
        set_wakeup_fd(-1)
        signal(SIGCHLD, SIG_DFL)
        self._libc.die_with_parent(death)
        dup2(stdout, 1)
        dup2(stderr, 2)
        for fd in (stdout, stderr, *self._closing, *self._received):
            close(fd)
        gc.enable()
        self._hooks.put_back()
        return getppid()

    def _rehearse(self):
        """Do with this process what is done with a forked one, so that nothing is changed by it."""
        try:
            self._detach(os.getpgrp(), SIGTERM, os.dup(1), os.dup(2))
        except OSError:
            pass  # it leads a session, or has no streams
        self._end.is_due()
        self._libc.flush()


def _wake_up(signum, frame):
    """The handler of SIGCHLD: that there is one writes to the pipe."""


def _daemons_of_host():
    """The processes that multiprocessing would have ended with the host, had it not become another program.

    With ``python flow.py run``, what the file starts is not in the fork server's group, for that came later. The host
    waits for none of them, and has ended a moment ago at most, so that their ids are theirs.
    """
    module = sys.modules.get("multiprocessing.process")
    if module is None:
        return []
    return [one.pid for one in module._children if one.daemon and one.pid and one._parent_pid != os.getpid()]


def _killpg(pid, number):
    """Send a signal to a process group; False if there is none."""
    try:
        os.killpg(pid, number)
    except OSError:
        return False
    return True
