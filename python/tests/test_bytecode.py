"""The bytecode of the SDK, which it keeps where Python was told to write none."""

import os
import shutil
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
        slow = os.path.join(self.root, "slow.py")
        os.mkfifo(slow)  # as long as nobody writes to it, it is being compiled
        try:
            done = subprocess.run(
                [sys.executable, "-B", "-c", "from levada.bytecode import keep; keep(); print('done', flush=True)"],
                env={**os.environ, "PYTHONPATH": self.root},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=30,
            )
        finally:
            with open(slow, "w"):
                pass
        self.assertEqual(done.stdout, b"done\n")
        end = time.monotonic() + 30
        while len(self.kept()) < 2:
            self.assertLess(time.monotonic(), end, "no bytecode was kept")

    def kept(self):
        folder = os.path.join(self.package, "__pycache__")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return [name for name in names if name.endswith(".pyc")]


if __name__ == "__main__":
    unittest.main()
