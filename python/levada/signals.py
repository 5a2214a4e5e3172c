"""What SIGINT and SIGTERM do in a process that runs a task: they end the step gently, as a KeyboardInterrupt.

Processes that the step forks, such as the workers of a pool, have nothing to end gently: SIGTERM kills them, as it
kills any process. A handler of Python's that kills would not do: it runs between two instructions, and a signal that
comes just before a process begins to wait for a lock is not seen until it has the lock. Pools end their workers by
SIGTERM while they wait for one.
"""

from _signal import (
    ITIMER_REAL,
    SIG_BLOCK,
    SIG_DFL,
    SIG_SETMASK,
    SIGALRM,
    SIGINT,
    SIGTERM,
    getitimer,
    getsignal,
    pthread_sigmask,
    setitimer,
    signal,
)
from _thread import get_ident
from os import getpid, register_at_fork
from time import monotonic

from . import running

SOON = 0.001  # seconds
# Within this time, two signals count as one: a service manager signals all processes of a run, and then the host does
# so, too. The second must not end what the step does in a ``finally``.
ONCE = 5.0  # seconds

_handler = None
_masks = {}  # thread that forks -> the signals that it had blocked
_alarm = None  # while a signal is to come once more: the handler of SIGALRM before, and what was left of its timer


def handle(handler):
    """Make ``handler`` the one of both signals in this process, and in those that are forked from it to run tasks."""
    global _handler
    _handler = handler
    signal(SIGTERM, handler)
    signal(SIGINT, handler)


def enter_task():
    """From here on forks are the step's."""
    register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def end_step(signum, frame):
    """The handler of a process that runs a task."""
    task = running.current._task
    if task is None or task.channel.is_fork or task.channel.pid != getpid():
        raise KeyboardInterrupt
    if around_fork(frame):
        _once_more(signum)
    elif not task.interrupted or monotonic() - task.interrupted > ONCE:
        task.interrupted = monotonic()
        task.interrupt(_keyboard_interrupt)


def _keyboard_interrupt():
    raise KeyboardInterrupt


def around_fork(frame):
    """Whether a signal has come in the middle of a fork of the step, where Python drops what its handler raises."""
    return get_ident() in _masks or frame is not None and frame.f_code in _HOOKS


def _once_more(signum):
    """Have a signal come again when the fork is over."""
    global _alarm
    if _alarm is not None:
        return
    _alarm = getsignal(SIGALRM) or SIG_DFL, getitimer(ITIMER_REAL)

    def again(_, frame):
        global _alarm
        handler, (left, interval) = _alarm
        _alarm = None
        signal(SIGALRM, handler)
        setitimer(ITIMER_REAL, left and max(left - SOON, SOON), interval)
        end_step(signum, frame)

    signal(SIGALRM, again)
    setitimer(ITIMER_REAL, SOON)


# Around a fork of the step SIGTERM waits, until the new process is one that it kills. That has a conversation of its
# own with the host.


def _before():
    _masks[get_ident()] = pthread_sigmask(SIG_BLOCK, (SIGTERM,))
    if running.current._task is not None:
        running.current._task.channel.before_fork()


def _after_in_parent():
    if running.current._task is not None:
        running.current._task.channel.after_fork(False)
    pthread_sigmask(SIG_SETMASK, _masks.pop(get_ident()))


def _after_in_child():
    global _alarm
    if running.current._task is not None:
        running.current._task.channel.after_fork(True)
    mask = _masks[get_ident()]
    _masks.clear()
    if _alarm is not None:
        signal(SIGALRM, _alarm[0])
        _alarm = None
    if getsignal(SIGTERM) is _handler:
        signal(SIGTERM, SIG_DFL)
    pthread_sigmask(SIG_SETMASK, mask)


_HOOKS = (_before.__code__, _after_in_parent.__code__)
