"""The bytecode of the SDK, which it keeps where Python was told to write none."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class BytecodeTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="levada-bytecode-")
        self.addCleanup(shutil.rmtree, self.root)
        self.package = os.path.join(self.root, "levada")
        os.mkdir(self.package)
        for path in (os.path.join(self.package, "__init__.py"), os.path.join(self.root, ".complete")):
            with open(path, "w"):
                pass
        shutil.copy(os.path.join(ROOT, "python", "levada", "bytecode.py"), self.package)

    def test_nobody_waits_for_it(self):
        """What is printed ends with the program, however long the bytecode takes: `levada run flow.py | cat`."""
        slow = self.slow(self.root)
        try:
            self.assertEqual(self.start(), b"done\n")
        finally:
            os.close(self.opened(slow))
        self.wait_until_kept(2)

    def test_it_goes_on_when_the_program_is_over_and_its_group_killed(self):
        slow = self.slow(self.root)
        self.start()
        os.close(self.opened(slow))
        self.wait_until_kept(2)

    def test_what_is_cut_off_is_not_taken_for_all(self):
        """The next program goes on with it, as long as this one file has no bytecode."""
        part = os.path.join(self.package, "part")
        os.mkdir(part)
        slow = self.slow(part)
        self.start()
        writer = self.opened(slow)
        self.assertEqual([name.split(".")[0] for name in self.kept()], ["__init__"])
        os.close(writer)
        self.wait_until_kept(2)

    def start(self):
        """Run a program that keeps the bytecode, and kill what is left of its group, as the host does."""
        with subprocess.Popen(
            [sys.executable, "-B", "-c", "from levada.bytecode import keep; keep(); print('done', flush=True)"],
            env={**os.environ, "PYTHONPATH": self.root},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            said = process.communicate(timeout=30)[0]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return said

    def slow(self, folder):
        """A file that is being compiled as long as nobody has written to it."""
        path = os.path.join(folder, "slow.py")
        os.mkfifo(path)
        return path

    def opened(self, slow):
        """The file, opened for writing as soon as it is being compiled."""
        end = time.monotonic() + 30
        while True:
            try:
                return os.open(slow, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                self.assertLess(time.monotonic(), end, "it is not being compiled")

    def wait_until_kept(self, count):
        end = time.monotonic() + 30
        while len(self.kept()) < count:
            self.assertLess(time.monotonic(), end, "no bytecode was kept")

    def kept(self):
        folder = os.path.join(self.package, "__pycache__")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return [name for name in names if name.endswith(".pyc")]


if __name__ == "__main__":
    unittest.main()
