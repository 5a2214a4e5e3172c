"""What a tiny task does, counted: instructions, and pages of memory that are written to.

usage: steps.py

Times on a busy machine say little about a change of one part in a hundred. These numbers hardly differ from run to run: a process
is taken through its life one instruction at a time, and each is looked at for where it writes. Three lives are looked at: a task's process,
from its first frame to its end; the fork server, from the request for a process until it has said how that ended; and a process of the
floor. What the kernel does is not in it. A page that is written to is a page that is copied, by a page fault
or by the fork.

Linux on x86-64, with the package capstone.
"""

import collections
import ctypes
import os
import pickle
import signal
import sys
import threading
import time

import capstone
from capstone import x86

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "python", "tests"))

from fakehost import Host, Stored  # noqa: E402

#: So many tasks go before: those that tell the fork server which pages are hot, and some more.
_SETTLED = 40
_SEIZE, _INTERRUPT, _STEP, _REGISTERS, _DETACH = 0x4206, 0x4207, 9, 12, 17
_ALL_CHILDREN = 0x40000000
#: Fields of a first frame that the engine sends of an ordinary task.
_ORDINARY = ("type", "step", "task", "attempt", "stack", "item")
_PAGE = 12  # bits

_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


class Registers(ctypes.Structure):
    """user_regs_struct of <sys/user.h>."""

    _NAMES = (
        "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", "rip",
        "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
    )  # fmt: skip
    _fields_ = [(name, ctypes.c_ulonglong) for name in _NAMES]


class Life:
    """A part of the life of a process: how many instructions it took, which pages they wrote to."""

    def __init__(self, pid, begin, is_over=lambda: False):
        """``begin`` sets off what is to be looked at; it goes on until the process ends, or ``is_over`` is true."""
        self.instructions = 0
        self.pages = set()
        self._pid = pid
        self._writes = {}  # address of an instruction -> how to find out where it writes
        self._decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self._decoder.detail = True
        with open("/proc/%d/maps" % pid) as maps:
            self._maps = maps.read().splitlines()
        self._memory = os.open("/proc/%d/mem" % pid, os.O_RDONLY)
        _trace(_SEIZE, pid)
        _trace(_INTERRUPT, pid)
        os.waitpid(pid, _ALL_CHILDREN)
        begin()
        try:
            self._step(is_over)
        finally:
            os.close(self._memory)

    def _step(self, is_over):
        registers = Registers()
        passed_on = 0
        while not is_over():
            _trace(_REGISTERS, self._pid, data=ctypes.addressof(registers))
            self._look(registers)
            self.instructions += 1
            _trace(_STEP, self._pid, data=passed_on)
            _, status = os.waitpid(self._pid, _ALL_CHILDREN)
            if not os.WIFSTOPPED(status):
                return
            passed_on = os.WSTOPSIG(status)
            if passed_on in (signal.SIGTRAP, signal.SIGSTOP):
                passed_on = 0
        _trace(_DETACH, self._pid)

    def _look(self, registers):
        at = registers.rip
        writes = self._writes.get(at)
        if writes is None:
            writes = self._writes[at] = self._decode(at)
        for base, index, scale, offset, segment in writes:
            address = offset
            if base:
                address += getattr(registers, base)
            if index:
                address += getattr(registers, index) * scale
            if segment:
                address += registers.fs_base
            self.pages.add((address & (1 << 64) - 1) >> _PAGE)

    def _decode(self, at):
        instruction = next(self._decoder.disasm(os.pread(self._memory, 16, at), at, 1), None)
        if instruction is None:
            return ()
        name = instruction.reg_name
        writes = []
        for operand in instruction.operands:
            if operand.type != x86.X86_OP_MEM or not operand.access & capstone.CS_AC_WRITE:
                continue
            place = operand.mem
            base, offset = place.base and name(place.base), place.disp
            if base == "rip":
                base, offset = None, offset + at + instruction.size
            index = place.index and name(place.index)
            if all(register is None or not register or hasattr(Registers, register) for register in (base, index)):
                writes.append((base, index, place.scale, offset, place.segment and name(place.segment) == "fs"))
        return tuple(writes)

    def by_mapping(self):
        """How many of the pages lie in which mapping."""
        spans = []
        for line in self._maps:
            span, _, _, _, _, *path = line.split(None, 5)
            start, end = (int(part, 16) >> _PAGE for part in span.split("-"))
            spans.append((start, end, os.path.basename(path[0]) if path else "anonymous"))
        found = collections.Counter()
        for page in self.pages:
            found[next((name for start, end, name in spans if start <= page < end), "new")] += 1
        return found


def _trace(request, pid, data=0):
    if _ptrace(request, pid, None, data) != 0:
        raise OSError(ctypes.get_errno(), "ptrace: %s" % os.strerror(ctypes.get_errno()))


def floor():
    """A process of the floor, from the fork to its end."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(read, 1)
        pickle.dumps(17 * 17)
        os._exit(0)
    while not _waits(pid):
        time.sleep(0.01)
    return Life(pid, lambda: os.write(write, b"x"))


def frame(host, number):
    """The first frame of a task that squares a number, as the engine sends it; and its body."""
    stack = [{"split": "1", "step": "start", "var": "numbers", "count": 1000, "index": number}]
    item = Stored.of(number)
    full = host.frame("square", stack=stack, item={"codec": "pickle", "inline": True})
    host.tell(full)
    return {name: full[name] for name in _ORDINARY}, item.data


def task(host):
    """The process of a task, forked ahead, from its first frame to its end."""
    id, conversation = host.fork()
    while id not in host.pids:
        host.control_frame()
    while not _waits(host.pids[id]):
        time.sleep(0.01)
    life = Life(host.pids[id], lambda: conversation.send(*frame(host, 17)))
    assert conversation.receive()[0]["ok"]
    host.wait_exit(id)
    return life


def _waits(pid):
    """Whether a process waits in the system call 0, read."""
    with open("/proc/%d/syscall" % pid) as file:
        return file.read().startswith("0 ")


def server(host):
    """The fork server, from the request for a process until it has said how that ended."""
    over = []

    def ask():
        host.talk(*frame(host, 17))
        over.append(True)
        host.kill(host.ids)  # of one that is gone: the server only wakes up

    asking = threading.Thread(target=ask)
    life = Life(host.process.pid, asking.start, lambda: over)
    asking.join()
    return life


def main():
    os.environ["LEVADA_BIN"] = "/nonexistent"
    lives = {"a process of the floor": floor()}
    with Host(os.path.join(ROOT, "bench", "flows", "squares.py")) as host:
        host.ahead = True
        for number in range(_SETTLED):
            assert host.talk(*frame(host, number)).ok
        lives["a task's process"] = task(host)
        lives["the fork server, for a task"] = server(host)
    for name, life in lives.items():
        places = ", ".join("%s %d" % place for place in life.by_mapping().most_common(4))
        print("%-28s %8d instructions %5d pages written to (%s)" % (name, life.instructions, len(life.pages), places))


if __name__ == "__main__":
    main()
