"""What SIGINT and SIGTERM do in a process that runs a task: they end the step gently, as a KeyboardInterrupt.

Processes that the step forks, such as the workers of a pool, have nothing to end gently: SIGTERM kills them, as it
kills any process. A handler of Python's that kills would not do: it runs between two instructions, and a signal that
comes just before a process begins to wait for a lock is not seen until it has the lock. Pools end their workers by
SIGTERM while they wait for one.
"""

from _signal import SIG_BLOCK, SIG_DFL, SIG_SETMASK, SIGINT, SIGTERM, getsignal, pthread_kill, pthread_sigmask, signal
from _thread import get_ident, start_new_thread
from os import getpid, register_at_fork

from . import running

_handler = None
_in_task = False
_late = 0  # the signal that came when a fork was about to begin
_masks = {}  # thread that forks -> the signals that it had blocked


def handle(handler):
    """Make ``handler`` the one of both signals in this process, and in those that are forked from it to run tasks."""
    global _handler
    _handler = handler
    signal(SIGTERM, handler)
    signal(SIGINT, handler)
    register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def enter_task():
    """From here on forks are the step's."""
    global _in_task
    _in_task = True


def end_step(signum, frame):
    """The handler of a process that runs a task."""
    global _late
    task = running.current._task
    if task is None or task.channel.pid != getpid():
        raise KeyboardInterrupt
    code = frame and frame.f_code
    if code is _before.__code__:
        _late = signum
    elif code is _after_in_parent.__code__:
        _once_more(signum)
    else:
        task.interrupt(KeyboardInterrupt())


# Around a fork of the step SIGTERM waits, until the new process is one that it kills. Python drops what its hooks
# raise: a signal that is seen in one of them has to come once more when they are through.


def _before():
    if _in_task:
        _masks[get_ident()] = pthread_sigmask(SIG_BLOCK, (SIGTERM,))


def _after_in_parent():
    global _late
    if _in_task:
        pthread_sigmask(SIG_SETMASK, _masks.pop(get_ident()))
        if _late:
            _once_more(_late)
            _late = 0


def _once_more(signum):
    start_new_thread(pthread_kill, (get_ident(), signum))


def _after_in_child():
    global _late
    if _in_task:
        _late = 0
        if getsignal(SIGTERM) is _handler:
            signal(SIGTERM, SIG_DFL)
        pthread_sigmask(SIG_SETMASK, _masks.pop(get_ident()))
