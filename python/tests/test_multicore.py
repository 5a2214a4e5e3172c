"""``parallel_map``: what becomes of the other processes when one has failed, or nobody asks for more."""

import os
import signal
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

    def leave(self, seconds):
        """Fork a process that goes on, and fail or return."""
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        if seconds:
            os._exit(3)
        return seconds

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

    def test_what_a_process_leaves_behind_is_not_waited_for(self):
        for arguments in ([0, 0, 0], [0, 1, 0]):
            pid = os.fork()
            if pid == 0:  # in a group of its own, so that what is left behind can be ended
                os.setpgid(0, 0)
                try:
                    parallel_map(self.leave, arguments, 2)
                    os._exit(0)
                except MulticoreException:
                    os._exit(1)
                finally:
                    os._exit(2)
            began = time.monotonic()
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.killpg(pid, signal.SIGKILL)
            self.assertEqual(code, max(arguments))
            self.assertLess(time.monotonic() - began, 30)


if __name__ == "__main__":
    unittest.main()
