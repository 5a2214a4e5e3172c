"""``parallel_map``: what becomes of the other processes when one has failed, or nobody asks for more."""

import os
import tempfile
import time
import unittest

import support  # noqa: F401

from levada.multicore import MulticoreException, parallel_imap_unordered, parallel_map


class Others(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.slow = os.path.join(folder.name, "slow")

    def work(self, seconds):
        """Take that long; the one that takes long says who it is, and no other ends before it has."""
        if seconds:
            with open(self.slow + ".new", "w") as file:
                file.write(str(os.getpid()))
            os.rename(self.slow + ".new", self.slow)
            time.sleep(seconds)
        while not os.path.exists(self.slow):
            time.sleep(0.01)
        return seconds

    def fail(self, seconds):
        self.work(seconds)
        os._exit(3)

    def assertGone(self):
        with open(self.slow) as file, self.assertRaises(ProcessLookupError):
            os.kill(int(file.read()), 0)

    def test_end_when_one_fails(self):
        for function in (parallel_map, lambda *arguments: list(parallel_imap_unordered(*arguments))):
            began = time.monotonic()
            with self.assertRaises(MulticoreException):
                function(self.fail, [60, 0], 2)
            self.assertLess(time.monotonic() - began, 30)
            self.assertGone()
            os.unlink(self.slow)

    def test_end_when_nobody_asks_for_more(self):
        began = time.monotonic()
        values = parallel_imap_unordered(self.work, [60, 0], 2)
        self.assertEqual(next(values), 0)
        values.close()
        self.assertLess(time.monotonic() - began, 30)
        self.assertGone()


if __name__ == "__main__":
    unittest.main()
