"""What Python does around a fork, without what a task does not need.

Modules may register functions that Python calls before each fork, and after it in both processes. The standard
library's make locks anew that another thread may have held. They cost a task up to a third of its time, and a fork
server has no other thread: no lock is held, the one thread keeps its number, there is nothing to put right. So the
fork server takes these functions off Python's lists; a task puts them back before any code of the user runs, so that
what the step forks is treated as ever. Functions that are not known here stay where they are, but for those that are
called in the new process: the task calls them itself, when signals may come. A thread that one of them starts must not
inherit that they are blocked.

``random`` registers its seed function. The fork server calls it before each fork, where the memory it writes to is
in use already; the task's generator then starts from a state that no other has.

Python does not give its lists away, but the garbage collector knows who refers to a function. If any of this looks
different from what is expected, nothing is changed, and all works as ever, only slower.
"""

import gc
import os
import sys

#: Module -> its functions that only make locks anew, or hold them meanwhile: "a.b" is attribute b of attribute a.
_LOCKS = {
    "threading": ("_after_fork",),
    "logging": (
        "_acquireLock", "_releaseLock", "_after_at_fork_child_reinit_locks",  # up to Python 3.12
        "_prepareFork", "_afterFork",
    ),
    "concurrent.futures.thread": (
        "_global_shutdown_lock.acquire", "_global_shutdown_lock.release", "_global_shutdown_lock._at_fork_reinit",
    ),
}  # fmt: skip


def _found(module, names):
    module = sys.modules.get(module)
    for name in names:
        value = module
        for part in name.split("."):
            value = getattr(value, part, None)
        if value is not None:
            yield value


def _lists():
    """Python's lists: before a fork, after it in the parent, after it in the child. None if they are not found."""
    # Each is told by a function that is on no other.
    marks = tuple(eval("lambda: None") for _ in range(3))
    os.register_at_fork(before=marks[0], after_in_parent=marks[1], after_in_child=marks[2])
    holders = [holder for holder in gc.get_referrers(*marks) if type(holder) is list]
    lists = [holder for mark in marks for holder in holders if holder[-1] is mark]
    if len(holders) != len(marks) or len(lists) != len(marks):
        return None
    for each in lists:
        del each[-1]
    return lists


class ForkHooks:
    """Takes functions off Python's lists in the fork server, puts them back in a task."""

    def __init__(self):
        self._before = []  # pairs: one of Python's lists, what was on it
        #: Functions to call in the fork server before each fork.
        self.reseed = []
        self._own = []  # functions that a task calls when it begins

    def take_off(self):
        """Take off what tasks do not need. To be called when only one thread runs, before gc.freeze."""
        threading = sys.modules.get("threading")
        if (
            sys.implementation.name != "cpython"
            or not hasattr(os, "register_at_fork")
            or threading is not None
            and (len(threading._active) != 1 or threading._limbo)
        ):
            return
        locks = [hook for module, names in _LOCKS.items() for hook in _found(module, names)]
        seeds = list(_found("random", ("_inst.seed",)))
        if not locks and not seeds:
            return
        lists = _lists()
        if lists is None:
            return
        if all(seed in lists[2] for seed in seeds):
            self.reseed += seeds
        else:
            seeds = []
        kept = [[hook for hook in each if hook not in locks and hook not in seeds] for each in lists]
        taken = [len(each) - len(rest) for each, rest in zip(lists, kept)]
        if taken[0] != taken[1]:
            self.reseed.clear()
            return  # a lock would be taken and not released, or the reverse
        self._own, kept[2] = kept[2], []
        for each, rest in zip(lists, kept):
            if len(rest) < len(each):
                self._before.append((each, each[:]))
                each[:] = rest

    def put_back(self):
        """Undo it."""
        for each, hooks in self._before:
            each[:] = hooks

    def call(self):
        """Call, in a task, what Python would have called after the fork. A failure is told, and ends nothing."""
        for hook in self._own:
            try:
                hook()
            except Exception:
                sys.excepthook(*sys.exc_info())
