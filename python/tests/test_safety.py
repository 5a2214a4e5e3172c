"""What keeps a flow's file from being forked: threads, and what is open."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest
from unittest import mock

from fakehost import PYTHON_DIR
from support import FlowTest, library_with_threads

LINUX = sys.platform == "linux"


class Safety(FlowTest):
    def test_threads(self):
        host = self.steps(
            "self.next(self.end)",
            classbody="import threading\nthreading.Thread(target=time.sleep, args=(60,), daemon=True, name='poller').start()",
        )
        self.assertIn("poller", host.definition["fork_unsafe"])

    def unsafe(self, code, *arguments):
        """What is said of a process that has run this code."""
        code = "import os, sys\n%s\nfrom levada import safety\nprint(safety.fork_unsafe())" % textwrap.dedent(code)
        return subprocess.run([sys.executable, "-c", code, *arguments], env={**os.environ, "PYTHONPATH": PYTHON_DIR},
                              stdout=subprocess.PIPE, text=True, check=True).stdout.strip()  # fmt: skip

    @unittest.skipUnless(LINUX and shutil.which("cc"), "/proc, and a compiler")
    def test_threads_of_libraries(self):
        start = """
            import ctypes
            library = ctypes.CDLL(sys.argv[1])
            library.start(sys.argv[2].encode() if len(sys.argv) > 2 else None)
            while open("/proc/self/task/%s/syscall" % max(os.listdir("/proc/self/task"), key=int)).read() == "running\\n":
                pass  # it is about to wait
        """
        forest = library_with_threads(self, "site-packages", "_forest.libs", "libgomp-e985bcbb.so.1.0.0")
        self.assertEqual(
            self.unsafe(start, forest),
            "libraries start threads when the flow's file is imported: forest (import and use them in the steps)",
        )
        self.assertIn(": libgomp (", self.unsafe(start, library_with_threads(self, "libgomp.so.1")))
        self.assertEqual(self.unsafe(start, forest, "jemalloc_bg_thd"), "")

        blas = library_with_threads(self, "site-packages", "numpy.libs", "libscipy_openblas64_-32a4b2a6.so")
        self.assertEqual(self.unsafe(start, blas), "")
        # OpenBLAS has fewer threads than it may have: those of others are not taken for the rest.
        idle = "import ctypes; ctypes.CDLL(%r)\n" % blas
        self.assertIn(": forest (", self.unsafe(idle + textwrap.dedent(start), forest))

    @unittest.skipUnless(LINUX, "/proc")
    def test_threads_that_do_not_tell_where_they_wait(self):
        from levada import safety

        def said(threads, blas=0, known=()):
            library = dict.fromkeys(known, "/lib/libopenblas.so")
            with mock.patch.multiple(
                safety,
                _native_threads=lambda: threads,
                _library_of=lambda thread, code: library.get(thread),
                _most_of_openblas=lambda code: blas,
            ):
                return safety.fork_unsafe()

        self.assertEqual(safety.fork_unsafe(), "")
        threads = [("1", safety._thread_name(os.getpid())), ("2", "poller"), ("3", "")]
        self.assertIn(": a thread without a name, poller (", said(threads))
        self.assertEqual(said(threads, blas=3), "")
        self.assertEqual(said(threads, blas=3, known=("1",)), "")
        self.assertIn("poller", said(threads, blas=2, known=("1",)))

    def test_threads_of_a_debugger_that_follows_forks(self):
        host = self.steps(
            "self.next(self.end)",
            classbody="""
            import socket, threading, types
            pydevd = sys.modules["pydevd"] = types.ModuleType("pydevd")
            pydevd.editor = socket.create_server(("127.0.0.1", 0))
            pydevd.connection = socket.create_connection(pydevd.editor.getsockname())
            thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)
            thread.is_pydev_daemon_thread = True
            thread.start()
            threading.enumerate = lambda main=threading.main_thread(): [main]  # pydevd hides its own like this
            del pydevd, socket, threading, types, thread
            """,
        )
        self.assertNotIn("fork_unsafe", host.definition)
        self.assertOk(host.task("s0"))

    @unittest.skipUnless(LINUX, "/proc")
    def test_blas_threads_are_at_most_the_processors(self):
        from levada import safety

        code = [(0, 1, "/l/libopenblas.so"), (4, 5, "/l/libopenblas.so"), (8, 9, "/l/libother.so")]
        for setting, want in (("1", 0), ("64", len(os.sched_getaffinity(0)) - 1)):
            with mock.patch.dict(os.environ, OPENBLAS_NUM_THREADS=setting):
                self.assertEqual(safety._most_of_openblas(code), want)

    @unittest.skipUnless(LINUX, "/proc")
    def test_what_tasks_cannot_share(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "data.npz")
        with open(path, "wb") as file:
            file.write(b"x" * 100)
        for code, want in (
            ("file = open(sys.argv[1], 'rb')", "data.npz"),
            ("file = open(sys.argv[1], 'r+b')", "data.npz"),
            ("import asyncio; loop = asyncio.new_event_loop()", "an event loop"),
            ("import multiprocessing; queue = multiprocessing.Queue()", "a queue or a pool of processes"),
            ("from concurrent.futures import ProcessPoolExecutor as E; pool = E(2)", "a queue or a pool of processes"),
            (
                "import socket; server = socket.create_server(('127.0.0.1', 0))\n"
                "client = socket.create_connection(server.getsockname()); ends = server.accept()",
                "the connection to 127.0.0.1:",
            ),
        ):
            with self.subTest(code):
                said = self.unsafe(code, path)
                self.assertIn("the flow's file opens what tasks cannot share: " + want, said)
                self.assertIn("(open it in the steps)", said)
        os.makedirs(os.path.join(folder, "sss", "pipes"))
        connect = (
            "import socket; server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()\n"
            "client = socket.socket(socket.AF_UNIX); client.connect(sys.argv[1])"
        )
        database = os.path.join(folder, "database")
        self.assertIn("the connection to " + database, self.unsafe(connect, database))
        self.assertEqual(self.unsafe(connect, os.path.join(folder, "sss", "pipes", "nss")), "")
        shutil.copy(path, os.path.join(folder, "proj.db"))
        self.assertEqual(self.unsafe("file = open(sys.argv[1])", os.path.join(folder, "proj.db")), "")
        for code in (
            "file = open(sys.argv[1]); file.close()",
            "log = open(sys.argv[1], 'a')",
            "log = open(sys.argv[1], 'a+')",
            "out = open(sys.argv[1] + '.out', 'w')",
            "import mmap; file = open(sys.argv[1], 'rb'); memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)",
            "file = open(sys.argv[1]); os.set_inheritable(file.fileno(), True)",  # as if it had come from outside
            "null = open(os.devnull)",
            "import multiprocessing; lock = multiprocessing.Lock()",
            "import multiprocessing; lock = multiprocessing.get_context('spawn').Lock()",  # has a resource tracker
            "import socket; pair = socket.socketpair()",
            "import socket; one = socket.socket()",
        ):
            with self.subTest(code):
                self.assertEqual(self.unsafe(code, path), "")


if __name__ == "__main__":
    unittest.main()
