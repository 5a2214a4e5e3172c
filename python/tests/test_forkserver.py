"""The fork server and the other ways in which a flow's file is started."""

import array
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

from fakehost import PYTHON_DIR, Conversation
from support import FlowTest, library_with_threads

from levada.hotpages import SCOUTS, HotPages
from levada.hugetext import whole_pages

LINUX = sys.platform == "linux"


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds=5):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            return False
        time.sleep(0.02)
    return True


class Pages(unittest.TestCase):
    def test_hot_ones_are_those_that_two_scouts_tell_of(self):
        hot = HotPages(None)
        page = hot._page
        hot._areas = [(page * 10, page * 13), (page * 20, page * 22)]
        hot._count = 5
        told = bytes([0, 1, 1, 0, 0]) + bytes([1, 0, 1, 1, 1]) + bytes([0, 0, 0, 1, 1])
        self.assertEqual(hot._hot(told), [page * 12, page * 20, page * 21])
        self.assertEqual(hot._hot(b""), [])


    def test_huge_ones_are_filled_by_the_program_after_the_start_of_its_code(self):
        shared = """\
            7f0000000000-7f0000001000 rw-p 00000000 00:00 0
            7f0000400000-7f00004f5000 r--p 00000000 fe:00 1 /lib/libpython3.so
            7f00004f5000-7f0000931000 r-xp 000f5000 fe:00 1 /lib/libpython3.so
            7f0000931000-7f0000b15000 r--p 00331000 fe:00 1 /lib/libpython3.so
            7f0000b15000-7f0000d78000 rw-p 00443000 fe:00 1 /lib/libpython3.so
            7f0000e00000-7f0000f00000 r-xp 00000000 fe:00 2 /lib/libother.so
            """
        static = """\
            00400000-0041f000 r--p 00000000 fe:00 1 /usr/bin/python 3 (deleted)
            0041f000-006dc000 r-xp 0001f000 fe:00 1 /usr/bin/python 3 (deleted)
            006dc000-00945000 r--p 002dc000 fe:00 1 /usr/bin/python 3 (deleted)
            00945000-00946000 r--p 00544000 fe:00 3 /usr/bin/other
            """
        for maps, address, want in (
            (shared, 0x7F00004F5000, (0x7F0000600000, 0x7F0000A00000)),
            (shared, 0x7F0000930FFF, (0x7F0000600000, 0x7F0000A00000)),
            (static, 0x0041F000, (0x00600000, 0x00800000)),
            (shared, 0x7F0000000010, None),  # not of a file
            (shared, 0x7F0000E00000, None),  # too small
            (shared, 0x7E0000000000, None),  # nowhere
            ("", 0x1000, None),
        ):
            start, end = whole_pages([line.strip() + "\n" for line in maps.strip().splitlines()], address)
            if want is None:
                self.assertGreaterEqual(start, end, hex(address))
            else:
                self.assertEqual((hex(start), hex(end)), tuple(map(hex, want)))


#: For the body of a class: a function that lists the open files, but for the one that libffi may keep of itself.
DESCRIPTORS = """pass
global descriptors
def descriptors():
    return [fd for fd in os.listdir("/proc/self/fd") if "libffi" not in os.path.realpath("/proc/self/fd/" + fd)]
"""

ENDED_IN_FORK = """
global signal
import signal
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
"""

HOOKED = """
global subprocess, threading, started
import subprocess, threading
started = []
def hook():
    def work():
        process = subprocess.Popen(["sleep", "1000"])
        process.terminate()
        started.append(process)
    started.append(threading.Thread(target=work))
    started[0].start()
os.register_at_fork(after_in_child=hook)
os.register_at_fork(after_in_child=lambda: 1 / 0)
"""


class Rehearsal(unittest.TestCase):
    def test_says_nothing_of_a_step_that_is_a_function_of_another_name(self):
        code = """
        from metaflow import FlowSpec, step
        from levada.warmup import warm_up

        @step
        def load(self):
            self.next(self.end)

        class Borrowed(FlowSpec):
            start = load

        warm_up(Borrowed, ["start"], lambda: None)
        """
        result = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env={**os.environ, "PYTHONPATH": PYTHON_DIR}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        self.assertEqual((result.stderr, result.stdout, result.returncode), ("", "", 0))


class Processes(FlowTest):
    def test_group_descriptors_and_environment(self):
        host = self.steps(
            """
            import subprocess
            self.group = os.getpgid(0) == os.getpid() != os.getppid()
            self.fds = sorted(descriptors(), key=int)
            self.env = [name for name in os.environ if name.startswith("LEVADA_")]
            self.stdin = sys.stdin.read()
            os.system("echo shell; ls /proc/self/fd | tr '\\n' ' ' >&2")
            status = open("/proc/self/status").read()
            self.blocked, self.handlers = (status.split(name)[1].split()[0] for name in ("SigBlk:", "SigCgt:"))
            self.next(self.end)
            """,
            classbody=DESCRIPTORS,
        )
        result = host.task("s0")
        self.assertOk(result)
        values = result.values()
        self.assertTrue(values["group"])
        self.assertEqual(len(values["fds"]), 5, values["fds"])  # three, the conversation, the listing
        self.assertEqual(values["env"], [])
        self.assertEqual(values["stdin"], "")
        self.assertEqual(result.stdout, "shell\n")
        self.assertEqual(result.stderr.split(), ["0", "1", "2", "3"])
        self.assertEqual(int(values["blocked"], 16), 0)
        caught = int(values["handlers"], 16)
        self.assertFalse(caught & 1 << signal.SIGCHLD - 1)

    def test_forked_ahead(self):
        host = self.steps("print(current.run_id); self.x = os.getpid(); self.next(self.end)")
        host.ahead = True
        for _ in range(3):
            result = host.task("s0")
            self.assertOk(result)
            self.assertEqual((result.stdout, result.values()["x"]), ("1\n", host.pids[host.ids]))

    def test_forked_ahead_and_not_needed(self):
        host = self.steps("self.next(self.end)")
        with tempfile.TemporaryFile() as err:
            id, conversation = host.fork(None, err)
            conversation.close()
            self.assertEqual(host.wait_exit(id)["signal"], 0)
            self.assertEqual(err.seek(0, 2), 0)

    def test_asked_to_end_before_it_has_begun(self):
        """The host has to know it from a task that fails: who stops a service signals all its processes."""
        host = self.steps("self.next(self.end)")
        id, conversation = host.fork()
        while id not in host.pids:
            host.control_frame()
        os.kill(host.pids[id], signal.SIGTERM)
        self.assertEqual(host.wait_exit(id)["signal"], signal.SIGTERM)
        conversation.close()

    def test_asked_to_end_while_it_is_forked(self):
        """Python forgets signals that come before a new process is ready, and drops what their handlers raise."""
        host = self.steps("self.next(self.end)", classbody=ENDED_IN_FORK)
        id, conversation = host.fork()
        self.assertEqual(host.wait_exit(id)["signal"], signal.SIGTERM)
        conversation.close()

    def test_what_a_hook_starts_can_be_asked_to_end(self):
        """A thread that begins in a fork has the signals blocked that are blocked then, and so has what it starts."""
        host = self.steps("started[0].join(); self.ended = started[1].wait(60); self.next(self.end)", classbody=HOOKED)
        result = host.task("s0")
        self.assertOk(result)
        self.assertEqual(result.values()["ended"], -signal.SIGTERM)
        self.assertEqual(result.stderr.count("ZeroDivisionError"), 1, result.stderr)

    def test_many_tasks(self):
        """What the fork server does for those that follow changes nothing for them."""
        host = self.steps("self.fds = descriptors()\nSEEN.append(1); self.seen = len(SEEN)\nself.next(self.end)",
                          classbody=DESCRIPTORS + "global SEEN\nSEEN = []")  # fmt: skip
        for _ in range(max(SCOUTS) + 5):
            result = host.task("s0")
            self.assertOk(result)
            self.assertEqual(result.values()["seen"], 1)
            self.assertEqual(result.stderr, "")
            self.assertEqual(len(result.values()["fds"]), 5, result.values()["fds"])

    @unittest.skipUnless(LINUX and os.path.exists("/sys/kernel/mm/transparent_hugepage"), "huge pages")
    @unittest.skipIf(tuple(map(int, os.uname().release.split(".")[:2])) < (6, 1), "MADV_COLLAPSE")
    def test_code_on_huge_pages(self):
        host = self.steps("self.maps = open('/proc/self/maps').read().splitlines(); self.next(self.end)")
        before = host.task("s0").values()["maps"]
        named = [line for line in before if " r-xp " in line and "python" in line]
        fits = [whole_pages(before, int(line.split("-")[0], 16)) for line in named]
        want = ["%08x-%08x r-xp 00000000" % span for span in fits if span[0] < span[1]]
        for _ in range(max(SCOUTS) + 2):
            result = host.task("s0")
            self.assertOk(result)
        after = result.values()["maps"]
        found = [line[: line.index(" ", line.index("r-xp") + 5)] for line in after if " r-xp " in line]
        self.assertEqual([span for span in want if span in found], want)
        # Where the code starts the file is still named: profilers look for it.
        self.assertEqual(
            [line.split("-")[0] for line in after if " r-xp " in line and "python" in line],
            [line.split("-")[0] for line in named],
        )

    def test_usage(self):
        host = self.steps(
            "self.x = len(bytearray(os.urandom(1)) * (80 << 20))\nwhile time.process_time() < 0.3: pass\nself.next(self.end)"
        )
        usage = host.task("s0").exited
        self.assertGreater(usage["maxrss"], 80 << 20)
        self.assertLess(usage["maxrss"], 400 << 20)
        self.assertGreater(usage["utime"] + usage["stime"], 0.2)

    def test_nothing_leaks_from_task_to_task(self):
        host = self.steps(
            "assert SEEN == [] and not hasattr(self, 'a')\nSEEN.append(1); self.a = 1; F.added = 1; os.environ['X'] = '1'\n"
            "import random\nself.random = random.random()\nself.next(self.end)",
            classbody="pass\nglobal SEEN, random\nSEEN = []\nimport random\nrandom.seed(1)",
        )
        results = [host.task("s0") for _ in range(3)]
        for result in results:
            self.assertOk(result)
        self.assertEqual(len({result.values()["random"] for result in results}), 3)

    def test_threads_and_pools_of_a_step(self):
        host = self.steps("""
            import threading, multiprocessing
            got = []
            threads = [threading.Thread(target=lambda n: got.append(getattr(self, n)), args=("x%d" % i,)) for i in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            self.got = sorted(got)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                self.squares = pool.map(abs, [-1, -2])
            read, write = os.pipe()
            if os.fork() == 0:
                pid = os.fork()
                if pid:
                    os.waitpid(pid, 0)
                os.write(write, ("%d %s;" % (self.y, hasattr(self, "nope"))).encode())
                os._exit(0)
            os.wait()
            self.theirs = os.read(read, 1000).decode()
            self.z = self.y
            self.next(self.end)
        """)
        result = host.task("s0", dict({"x%d" % i: i for i in range(8)}, y=5))
        self.assertOk(result)
        self.assertEqual(result.stderr, "")
        self.assertEqual((result.values()["got"], result.values()["squares"]), (list(range(8)), [1, 2]))
        self.assertEqual(result.values()["theirs"], "5 False;5 False;")
        self.assertEqual(result.values()["z"], 5)

    def test_forks_that_go_on(self):
        """What a step forks and lets run out of the step, or fail, is not the task."""
        for end, code in (("pass", 0), ("return", 0), ("raise KeyError('of the fork')", 1), ("sys.exit(3)", 3), ("sys.exit('x')", 1)):
            host = self.steps("""
                import sys
                self.who = "parent"
                pid = os.fork()
                if not pid:
                    self.who = "child"
                    %s
                else:
                    self.code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                self.next(self.end)
            """ % end)  # fmt: skip
            result = host.task("s0")
            self.assertOk(result)
            self.assertEqual(result.values(), {"who": "parent", "code": code}, end)
            self.assertEqual("of the fork" in result.stderr, "of the fork" in end, result.stderr)

    def test_signals_of_what_a_step_forks(self):
        """SIGTERM kills it, whenever it comes: no handler of Python's has to run."""
        host = self.steps("""
            import signal
            alone = signal.getsignal(signal.SIGTERM)
            read, write = os.pipe()
            if os.fork() == 0:
                handlers = signal.getsignal(signal.SIGTERM), signal.pthread_sigmask(signal.SIG_BLOCK, ())
                os.write(write, repr(handlers == (signal.SIG_DFL, set())).encode())
                os._exit(0)
            self.default = os.read(read, 10)
            self.kept = signal.getsignal(signal.SIGTERM) is alone and not signal.pthread_sigmask(signal.SIG_BLOCK, ())
            self.killed = []
            for _ in range(50):
                pid = os.fork()
                if pid == 0:
                    while True: signal.pause()
                os.kill(pid, signal.SIGTERM)
                self.killed.append(os.WTERMSIG(os.waitpid(pid, 0)[1]))
            signal.signal(signal.SIGTERM, print)
            if os.fork() == 0:
                os.write(write, repr(signal.getsignal(signal.SIGTERM) is print).encode())
                os._exit(0)
            self.own = os.read(read, 10)
            self.next(self.end)
        """)
        result = host.task("s0")
        self.assertOk(result)
        values = result.values()
        self.assertEqual((values["default"], values["kept"], values["own"]), (b"True", True, b"True"))
        self.assertEqual(values["killed"], [signal.SIGTERM] * 50)

    def test_forks_of_a_step_are_ordinary(self):
        """What the fork server leaves out around its own forks is back for those of a step."""
        host = self.steps(
            """
            assert threading.current_thread() is threading.main_thread() and threading.active_count() == 1
            with ThreadPoolExecutor(2) as pool:
                assert list(pool.map(abs, [-1, -2])) == [1, 2]
            lock, held = threading.Lock(), logging.getLogger("x")
            idle = threading.Event()
            thread = threading.Thread(target=idle.wait)
            thread.start()
            read, write = os.pipe()
            if os.fork() == 0:
                # The other thread is not here, and Python knows: it was told after the fork.
                held.warning("said")
                os.write(write, b"%d %r" % (threading.active_count(), random.random()))
                os._exit(0)
            os.wait()
            idle.set()
            thread.join()
            count, number = os.read(read, 1000).split()
            assert count == b"1" and float(number) != random.random()
            with multiprocessing.get_context("fork").Pool(1) as pool:
                assert pool.map(abs, [-3]) == [3]
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(abs, -4).result() == 4
            self.hooks = CALLED
            self.random = random.random()
            self.next(self.end)
            """,
            classbody="pass\nglobal CALLED, random, threading, logging, multiprocessing, ThreadPoolExecutor\n"
            "import logging, multiprocessing, random, threading\n"
            "from concurrent.futures import ThreadPoolExecutor\n"
            "CALLED = []\nos.register_at_fork(after_in_child=lambda: CALLED.append(1))\n"
            "threading.Thread(target=print).start()\nwhile threading.active_count() > 1: pass",
        )
        results = [host.task("s0") for _ in range(2)]
        for result in results:
            self.assertOk(result)
            self.assertEqual(result.values()["hooks"], [1])  # one that the user's file registered
            self.assertIn("said\n", result.stderr)  # Python 3.12 warns of forks beside threads
        self.assertNotEqual(*(result.values()["random"] for result in results))

    def test_many_at_once(self):
        host = self.steps("self.i = self.index\nself.next(self.end)")
        live = {}
        for i in range(40):
            id, conversation = host.fork()
            frame = host.frame("s0", stack=[{"split": "x", "step": "s0", "var": "v", "count": 40, "index": i}])
            conversation.send(frame)
            live[id] = (i, conversation)
        for i, conversation in live.values():
            done, _ = conversation.receive()
            self.assertTrue(done["ok"])
            conversation.close()
        for id in live:
            self.assertEqual(host.wait_exit(id)["code"], 0)

    def test_several_forks_in_one_send(self):
        host = self.steps("self.next(self.end)")
        data, fds, conversations, opened = b"", [], [], []
        null = os.open(os.devnull, os.O_WRONLY)
        for id in (101, 102, 103):
            text = json.dumps({"type": "fork", "id": id}).encode()
            data += struct.pack(">II", len(text), 0) + text
            ours, theirs = socket.socketpair()
            opened.append(theirs)
            fds += [theirs.fileno(), null, null]
            conversations.append(Conversation(ours))
        # Cut in odd places as well.
        host.control.sock.sendmsg([data[:30]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        time.sleep(0.05)
        host.control.sock.sendall(data[30:])
        os.close(null)
        for theirs in opened:
            theirs.close()
        for conversation in conversations:
            conversation.send(host.frame("s0"))
            self.assertTrue(conversation.receive()[0]["ok"])
            conversation.close()
        for id in (101, 102, 103):
            self.assertEqual(host.wait_exit(id)["code"], 0)

    def test_metaflow_and_levada_are_one(self):
        host = self.steps(
            "import levada, metaflow\nassert levada.FlowSpec is metaflow.FlowSpec and metaflow.__version__ == '2.19.39'\n"
            "from metaflow.exception import MetaflowException as A\nfrom levada.exceptions import MetaflowException as B\n"
            "assert A is B\nself.next(self.end)"
        )
        self.assertOk(host.task("s0"))


class Ending(FlowTest):
    def sleeper(self):
        host = self.steps("import subprocess\nprint(subprocess.Popen(['sleep', '60']).pid, flush=True)\ntime.sleep(60)")
        read, write = os.pipe()
        with open(write, "wb") as out:
            id, conversation = host.fork(out)
        conversation.send(host.frame("s0"))
        host.control_frame()
        with open(read) as lines:
            child = int(lines.readline())
        self.addCleanup(conversation.close)
        return host, host.pids[id], child

    def test_stop(self):
        host, task, child = self.sleeper()
        self.assertEqual(host.close(), 0)
        self.assertTrue(wait_until(lambda: not alive(task) and not alive(child)))

    def test_end_of_file(self):
        host, task, child = self.sleeper()
        host.control.close()
        self.assertEqual(host.process.wait(5), 0)
        self.assertTrue(wait_until(lambda: not alive(task) and not alive(child)))

    def test_daemons_of_a_file_that_became_the_host(self):
        """They would have ended with the process of the file, and are in no group of the fork server's."""
        code = """
            import multiprocessing, os, sys, time
            from levada import forkserver

            helper = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
            helper.start()
            server = os.fork()
            if server == 0:
                os.setpgid(0, 0)
                one = forkserver.ForkServer.__new__(forkserver.ForkServer)
                one._ids, one._pid, one._daemons = {}, os.getpid(), forkserver._daemons_of_host()
                one._kill_all()
                os._exit(0)
            os.waitpid(server, 0)
            print(os.waitpid(helper.pid, 0)[1])
            os._exit(0)
        """
        said = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, "PYTHONPATH": PYTHON_DIR},
                              stdout=subprocess.PIPE, text=True, timeout=50).stdout  # fmt: skip
        self.assertEqual(said, "15\n")  # SIGTERM

    def test_signals_are_the_hosts_business(self):
        """Who stops a service signals all its processes: it is for the host to end the tasks, which may have to clean up."""
        host, task, child = self.sleeper()
        for number in (signal.SIGINT, signal.SIGTERM):
            host.process.send_signal(number)
            self.assertOk(host.task("end"))
        self.assertTrue(alive(task) and alive(child))

    def test_a_task_that_forks_ends_gently(self):
        host = self.steps("print('on', flush=True)\nwhile True:\n    pid = os.fork()\n    if pid == 0: os._exit(0)\n    os.waitpid(pid, 0)")
        for i in range(20):
            read, write = os.pipe()
            with open(write, "wb") as out, open(read, "rb") as lines:
                id, conversation = host.fork(out)
                conversation.send(host.frame("s0"))
                lines.readline()
                time.sleep(i / 5000)  # somewhere in the loop
                host.kill(id)
                try:
                    header = {"type": "fork"}
                    while header["type"] == "fork":
                        header = conversation.receive()[0]
                    self.assertFalse(header["ok"])
                finally:
                    conversation.close()
            self.assertEqual(host.wait_exit(id)["signal"], 0)

    @unittest.skipUnless(LINUX, "PR_SET_PDEATHSIG")
    def test_killed(self):
        host, task, child = self.sleeper()
        host.process.kill()
        self.assertTrue(wait_until(lambda: not alive(task)))
        os.kill(child, signal.SIGKILL)

    @unittest.skipUnless(LINUX, "/proc")
    def test_what_the_file_started_ends_with_the_server(self):
        host = self.steps(
            "self.child = type(self).process.pid\nself.next(self.end)",
            classbody="import subprocess\nos.setpgid(0, 0)\nprocess = subprocess.Popen(['sleep', '60'])",
        )
        child = host.task("s0").values()["child"]
        self.assertTrue(alive(child))
        host.close()
        self.assertEqual(host.process.returncode, 0)
        self.assertTrue(wait_until(lambda: not alive(child)))

    def test_conversation_that_ends_early(self):
        host = self.steps("self.next(self.end)")
        id, conversation = host.fork()
        conversation.close()
        self.assertEqual(host.wait_exit(id)["code"], 1)
        self.assertOk(host.task("s0"))


class Spawn(FlowTest):
    def test_one_task(self):
        path = self.write("""
            class F(FlowSpec):
                @step
                def start(self):
                    print("hello", [name for name in os.environ if name.startswith("LEVADA")])
                    self.x = 1
                    self.next(self.end)

                @step
                def end(self):
                    pass

            F()
        """)
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(
            [sys.executable, path],
            env=dict(os.environ, PYTHONPATH=PYTHON_DIR, LEVADA_TASK_FD=str(theirs.fileno())),
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
        )
        theirs.close()
        conversation = Conversation(ours)
        conversation.send({"type": "task", "flow": "F", "run": "1", "step": "start", "task": "1", "attempt": 0,
                           "retries": 0, "stack": None, "staging": "/tmp", "inline_limit": 1000})  # fmt: skip
        done, _ = conversation.receive()
        self.assertTrue(done["ok"], done)
        out, _ = process.communicate(timeout=10)
        conversation.close()
        self.assertEqual((process.returncode, out), (0, b"hello []\n"))


BINARY = """#!%s
import json, os, socket, struct, sys
report = {"argv": sys.argv[1:], "python": os.environ.get("LEVADA_PYTHON"), "fd": os.environ.get("LEVADA_WORKER_FD")}
if report["fd"]:
    sock = socket.socket(fileno=int(report["fd"]))
    def receive():
        header, body = struct.unpack(">II", sock.recv(8, socket.MSG_WAITALL))
        return json.loads(sock.recv(header, socket.MSG_WAITALL))
    report["frames"] = [receive(), receive()]
    report["pid"] = int(os.environ["LEVADA_WORKER_PID"]) == report["frames"][0]["pid"]
    report["group"] = os.getpgid(report["frames"][0]["pid"]) == report["frames"][0]["pid"]
print(json.dumps(report))
sys.exit(7)
"""


class HandOver(FlowTest):
    SOURCE = """
        print("imported", flush=True)
        {extra}

        class F(FlowSpec):
            @step
            def start(self):
                pass

        F()
    """

    def run_flow(self, extra="", binary=True, **env):
        path = self.write(self.SOURCE.format(extra=extra))
        environment = dict(os.environ, PYTHONPATH=PYTHON_DIR, PATH=os.environ["PATH"])
        if binary:
            folder = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
            program = os.path.join(folder, "levada")
            with open(program, "w") as file:
                file.write(BINARY % sys.executable)
            os.chmod(program, stat.S_IRWXU)
            environment["LEVADA_BIN"] = program
        environment.update(env)
        done = subprocess.run(
            [sys.executable, path, "run", "--alpha", "1"], env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=20, text=True,
        )  # fmt: skip
        return path, done

    def test_hands_over_with_its_import(self):
        path, done = self.run_flow()
        self.assertEqual(done.returncode, 7, done.stderr)
        first, second = done.stdout.strip().split("\n")
        self.assertEqual(first, "imported")
        report = json.loads(second)
        self.assertEqual(report["argv"], ["flow", path, "run", "--alpha", "1"])
        self.assertEqual(report["python"], sys.executable)
        self.assertEqual([frame["type"] for frame in report["frames"]], ["hello", "definition"])
        self.assertTrue(report["pid"] and report["group"])

    def test_hands_over_without_it_where_threads_run(self):
        _, done = self.run_flow("import threading; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIsNone(json.loads(done.stdout.strip().split("\n")[1])["fd"])

    @unittest.skipUnless(LINUX and shutil.which("cc"), "/proc, and a compiler")
    def test_hands_over_without_it_where_threads_of_libraries_run(self):
        """They would be gone in the fork, which could no longer find out that they had been there."""
        _, done = self.run_flow("import ctypes; ctypes.CDLL(%r).start(None)" % library_with_threads(self, "libgomp.so.1"))
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIsNone(json.loads(done.stdout.strip().split("\n")[1])["fd"])

    def test_no_binary(self):
        # A copy of the package, since one may have built the binary beside this one.
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        copy = os.path.join(folder, "python")
        shutil.copytree(PYTHON_DIR, copy, ignore=shutil.ignore_patterns("tests"))
        for said, told in (
            ("", "the program 'levada' was not found: install it on your PATH, or set LEVADA_BIN"),
            ("/nonexistent/levada", "LEVADA_BIN is /nonexistent/levada, which is not a program"),
        ):
            _, done = self.run_flow(binary=False, PYTHONPATH=copy, PATH="/nonexistent", LEVADA_BIN=said)
            self.assertEqual((done.returncode, len(done.stderr.strip().split("\n"))), (1, 1))
            self.assertIn(told, done.stderr)


class ImportTime(unittest.TestCase):
    def test_imports_little(self):
        code = "import os, sys; before = set(sys.modules); import %s; print(*sorted(set(sys.modules) - before))"
        for package in ("levada", "metaflow"):
            done = subprocess.run(
                [sys.executable, "-S", "-c", code % package],
                env=dict(os.environ, PYTHONPATH=PYTHON_DIR),
                stdout=subprocess.PIPE,
                text=True,
            )
            others = [name for name in done.stdout.split() if name.split(".")[0] not in ("levada", "metaflow")]
            self.assertEqual(others, [])

    def test_a_flow_that_imports_all_loads_nothing_large(self):
        code = "import sys; from metaflow import *; print([name for name in %r if name in sys.modules])"
        large = ["asyncio", "tempfile", "shutil", "ssl", "logging", "inspect"]
        done = subprocess.run(
            [sys.executable, "-S", "-c", code % large],
            env=dict(os.environ, PYTHONPATH=PYTHON_DIR),
            stdout=subprocess.PIPE,
            text=True,
        )
        self.assertEqual(done.stdout, "[]\n")


if __name__ == "__main__":
    unittest.main()
