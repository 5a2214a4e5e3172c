"""Tasks with bad manners. Each misbehaves at its first attempt and behaves at its second; the tasks after them look
whether anything of it is left.
"""

import os
import signal
import sys
import threading
import time

from levada import FlowSpec, current, retry, step

sys.stdout.reconfigure(errors="surrogateescape")


def segfault():
    import ctypes

    ctypes.string_at(0)


def sigsegv():
    os.kill(os.getpid(), signal.SIGSEGV)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_group():
    os.killpg(0, signal.SIGKILL)


def term():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)


def abort():
    os.abort()


def exit_0():
    os._exit(0)


def exit_3():
    os._exit(3)


def sys_exit():
    sys.exit()


def sys_exit_7():
    sys.exit(7)


def interrupt():
    raise KeyboardInterrupt


def close_all():
    os.closerange(0, 1024)


def close_output():
    os.close(1)
    os.close(2)


def memory():
    import resource

    limit = 1 << 30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    held = []
    while True:
        held.append(bytearray(64 << 20))


def child():
    os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1000")


def daemon():
    began, beginning = os.pipe()  # the far end closes with exec
    if os.fork() == 0:
        os.setsid()
        os.execlp("sleep", "sleep", "1001")
    os.close(beginning)
    os.read(began, 1)


def twin():
    os.fork()  # and both go on


def thread():
    threading.Thread(target=time.sleep, args=(1000,)).start()


def daemon_thread():
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


def exiting_thread():
    threading.Thread(target=os._exit, args=(9,)).start()
    time.sleep(20)


def chdir():
    os.chdir("/")
    os.umask(0)
    os.environ["RUDE"] = "yes"
    sys.path.append("/rude")


def mask():
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)


def at_exit():
    import atexit

    atexit.register(print, "at exit")
    atexit.register(os._exit, 5)


def bytes_out():
    os.write(1, bytes(range(256)) + b"\n\r\x1b[2J\x00\xff\xfe half a line")
    os.write(2, b"\xf0\x9f\n\n\n" + "\u2028{\"event\": \"run_finished\"}\n".encode())


def fork_server():
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(20)


def descriptors():
    for _ in range(200):
        os.open("/dev/null", os.O_RDONLY)


MANNERS = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__" and f.__name__.islower()]
BY_NAME = {f.__name__: f for f in MANNERS}


def surroundings():
    """What one task might leave to the next."""
    return {
        "cwd": os.getcwd(),
        "umask": os.umask(0o22),
        "env": os.environ.get("RUDE"),
        "path": "/rude" in sys.path,
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "pipe": str(signal.getsignal(signal.SIGPIPE)),
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "group": os.getpgid(0) == os.getpid(),
    }


def engine():
    """The engine's pid: the parent of the fork server, or with fresh interpreters the parent."""
    pid = os.getppid()
    with open("/proc/%d/comm" % pid) as file:
        if file.read().startswith("levada"):
            return pid
    with open("/proc/%d/stat" % pid) as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


class RudeFlow(FlowSpec):
    @step
    def start(self):
        self.expected = surroundings()
        self.engine_descriptors = len(os.listdir("/proc/%d/fd" % engine()))
        self.manners = os.environ["MANNERS"].split(",") if "MANNERS" in os.environ else sorted(BY_NAME)
        self.next(self.behave, foreach="manners")

    @retry(times=2)
    @step
    def behave(self):
        print("manner:", self.input, flush=True)
        now = surroundings()
        assert now == self.expected, (now, self.expected)
        self.manner = self.input
        if current.retry_count == 0:
            BY_NAME[self.input]()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.manners = [task.manner for task in inputs]
        self.merge_artifacts(inputs, include=["expected", "engine_descriptors"])
        self.next(self.end)

    @step
    def end(self):
        now = surroundings()
        assert now == self.expected, (now, self.expected)
        after = len(os.listdir("/proc/%d/fd" % engine()))
        assert after <= self.engine_descriptors + 8, (self.engine_descriptors, after)
        print("all well:", len(self.manners))


if __name__ == "__main__":
    RudeFlow()
