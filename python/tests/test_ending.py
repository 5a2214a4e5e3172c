"""The end of a task's process: what a step and the file's import leave to it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import unittest

from fakehost import PYTHON_DIR, Conversation, Result
from support import FlowTest

#: A step that leaves something to do to the end of its process, and a file whose import did so, too.
LEAVES = """
import atexit, tempfile
HELD = tempfile.TemporaryDirectory()
NOTES = open(HELD.name + "/notes", "w")
NOTES.write("imported ")
atexit.register(print, "of the import")


class F(FlowSpec):
    @step
    def start(self):
        import logging.handlers, threading
        from concurrent.futures import ThreadPoolExecutor
        from multiprocessing import shared_memory

        global FILE, FOLDER, MEMORY, POOL
        self.held, self.folder = HELD.name, tempfile.mkdtemp()
        FILE = open(self.folder + "/file", "w")
        FILE.write("written")
        NOTES.write("used")
        FOLDER = tempfile.TemporaryDirectory()
        MEMORY = shared_memory.SharedMemory(create=True, size=10)
        self.temporary, self.memory = FOLDER.name, "/dev/shm/" + MEMORY.name.lstrip("/")
        go = threading.Event()
        threading.Thread(target=lambda: (go.wait(), sys.stdout.write("thread\\n"))).start()
        POOL = ThreadPoolExecutor(1)
        POOL.submit(lambda: (go.wait(), sys.stdout.write("future\\n")))
        handler = logging.handlers.MemoryHandler(9, target=logging.StreamHandler(sys.stdout))
        logging.getLogger().addHandler(handler)
        logging.getLogger().warning("logged")
        atexit.register(lambda: print("atexit"))
        atexit.register(lambda: 1 // 0)
        self.go = os.path.exists(HELD.name)
        go.set()
        self.next(self.end)

    @step
    def end(self):
        pass


F()
"""


class Ends(FlowTest):
    """What a step leaves to the end of its process is done, as Python does it."""

    def check(self, values, stdout, stderr):
        folder = values["folder"]
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with open(folder + "/file") as file:
            self.assertEqual(file.read(), "written")
        self.assertFalse(os.path.exists(values["temporary"]))
        self.assertFalse(os.path.exists(values["memory"]))
        self.assertIn("ZeroDivisionError", stderr)
        lines = stdout.split("\n")
        self.assertEqual(set(lines[:2]), {"thread", "future"})
        return lines[2:]

    def test_a_forked_process(self):
        host = self.host(LEAVES)
        for _ in range(2):  # what the import left is there for the next task, too
            result = host.task("start")
            self.assertOk(result)
            values = result.values()
            self.assertTrue(values["go"])
            self.assertEqual(self.check(values, result.stdout, result.stderr), ["atexit", "logged", ""])
        with open(values["held"] + "/notes") as file:
            self.assertEqual(file.read(), "imported usedused")

    def test_a_fresh_process(self):
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(
            [sys.executable, self.write(LEAVES)],
            env=dict(os.environ, PYTHONPATH=PYTHON_DIR, LEVADA_TASK_FD=str(theirs.fileno())),
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        conversation = Conversation(ours)
        conversation.send({"type": "task", "flow": "F", "run": "1", "step": "start", "task": "1", "attempt": 0,
                           "retries": 0, "stack": None, "staging": "/tmp", "inline_limit": 1000})  # fmt: skip
        result = Result()
        result.take(*conversation.receive())
        out, err = process.communicate(timeout=20)
        conversation.close()
        self.assertEqual(process.returncode, 0, err)
        rest = self.check(result.values(), out, err)
        self.assertEqual(rest[0], "atexit")
        self.assertFalse(os.path.exists(result.values()["held"]))  # the process was the task's alone

    def test_one_thing_alone(self):
        """A task looks whether anything is left to do; each of these alone is something."""
        path = os.path.join(os.path.dirname(self.write("")), "left")
        odd = "class Odd(type):\n    def __eq__(self, other):\n        return True\nclass Kind(metaclass=Odd):\n    pass"
        for head, body in (
            ("", "global KEPT; KEPT = open(PATH, 'w'); KEPT.write('left')"),
            ("class Own(io.TextIOWrapper):\n    pass", "global KEPT; KEPT = Own(open(PATH, 'wb')); KEPT.write('left')"),
            ("KEPT = open(PATH, 'w')", "KEPT.write('left')"),
            (odd, "global KEPT; KEPT = open(PATH, 'w'); KEPT.write('left')"),
            ("import atexit", "atexit.register(lambda: print('left', file=open(PATH, 'w'), end=''))"),
            ("import threading", "threading.Thread(target=lambda: (time.sleep(0.2), open(PATH, 'w').write('left'))).start()"),
        ):  # fmt: skip
            with self.subTest(head + body):
                host = self.host(
                    "import io\nPATH = %r\n%s\nclass F(FlowSpec):\n    @step\n    def start(self):\n        %s\n"
                    "        self.next(self.end)\n    @step\n    def end(self):\n        pass\n\nF()\n" % (path, head, body)
                )  # fmt: skip
                self.assertOk(host.task("start"))
                with open(path) as file:
                    self.assertEqual(file.read(), "left")
                os.unlink(path)

    def test_processes_that_the_file_started(self):
        """A task neither ends nor waits for them: they are there for the tasks to come."""
        host = self.host("""
            import multiprocessing
            HELPER = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
            HELPER.start()


            class F(FlowSpec):
                @step
                def start(self):
                    self.helper = HELPER.pid
                    self.next(self.end)

                @step
                def end(self):
                    pass

            F()
        """)
        for _ in range(2):
            result = host.task("start")
            self.assertOk(result)
            self.assertEqual(result.stderr, "")
            os.kill(result.values()["helper"], 0)  # it is there
        os.kill(result.values()["helper"], signal.SIGKILL)  # it holds the output of its fork server

    def test_objects_that_do_not_tell_their_class(self):
        """A file is written out whatever else there is: a weakref to what is gone, for one."""
        host = self.steps("""
            import tempfile, weakref
            global FILE, GONE
            folder = tempfile.mkdtemp()
            FILE = open(folder + "/file", "w")
            FILE.write("written")
            GONE = weakref.proxy(type("Short", (), {})())
            self.folder = folder
            self.next(self.end)
        """)
        result = host.task("s0")
        self.assertOk(result)
        folder = result.values()["folder"]
        self.addCleanup(shutil.rmtree, folder)
        self.assertEqual(result.stderr, "")
        with open(folder + "/file") as file:
            self.assertEqual(file.read(), "written")


if __name__ == "__main__":
    unittest.main()
