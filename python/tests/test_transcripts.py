"""The recorded conversations of internal/protocol/testdata, held again."""

import unittest

from transcripts import CONVERSATIONS, load, record


class Transcripts(unittest.TestCase):
    maxDiff = None

    def test_all(self):
        for name in CONVERSATIONS:
            with self.subTest(name):
                self.assertEqual(record(name), load(name))


if __name__ == "__main__":
    unittest.main()
