"""What the tests share: flows written on the spot, and a host that is closed at the end."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fakehost import Host, Input, Stored, dumps  # noqa: E402, F401

FLOWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flows")

HEAD = "from metaflow import *\nfrom metaflow import FlowSpec, step, IncludeFile\nimport os, sys, time\n"


class FlowTest(unittest.TestCase):
    """A test that writes flows and runs their steps."""

    maxDiff = None

    def write(self, source, head=HEAD):
        folder = tempfile.mkdtemp(prefix="levada-flow-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        path = os.path.join(folder, "flow.py")
        with open(path, "w") as file:
            file.write(head + textwrap.dedent(source))
        return path

    def host(self, source, head=HEAD, **options):
        host = Host(self.write(source, head), **options)
        self.addCleanup(host.close)
        return host

    def steps(self, *bodies, classbody="", **options):
        """A host for a flow ``F`` with one step ``s0``, ``s1``, ... for each body; each may go to any other."""
        source = "class F(FlowSpec):\n" + textwrap.indent(textwrap.dedent(classbody), "    ") + "\n"
        for i, body in enumerate(bodies):
            body = textwrap.dedent(body).strip("\n")
            lead, signature = [], "def s%d(self):" % i
            lines = body.split("\n")
            while lines and lines[0].startswith("@"):
                lead.append(lines.pop(0))
            if lines and lines[0] == "JOIN":
                lines.pop(0)
                signature = "def s%d(self, inputs):" % i
            block = "\n".join(lead + ["@step", signature] + ["    " + line for line in lines])
            source += textwrap.indent(block, "    ") + "\n\n"
        return self.host(source + "    @step\n    def end(self):\n        pass\n\nF()\n", **options)

    def assertFails(self, result, *texts):
        """The attempt failed, was recorded as failed and said so on stderr."""
        self.assertIsNotNone(result.done, result.stderr)
        self.assertFalse(result.ok, result.done)
        self.assertIn("failed:", result.stderr)
        for text in texts:
            self.assertIn(text, result.stderr)

    def assertOk(self, result):
        self.assertTrue(result.ok, "%s\n%s" % (result.done, result.stderr))


def library_with_threads(test, *path):
    """A library that starts threads, in a file with this name below a new folder."""
    folder = tempfile.mkdtemp()
    test.addCleanup(shutil.rmtree, folder)
    source, library = os.path.join(folder, "library.c"), os.path.join(folder, *path)
    with open(source, "w") as file:
        file.write(
            "#include <pthread.h>\n#include <sys/prctl.h>\n#include <unistd.h>\n"
            "static int told[2];\n"
            "static void *wait(void *name) {\n"
            "    if (name) prctl(PR_SET_NAME, name);\n"
            "    close(told[1]);\n"
            "    for (;;) pause();\n"
            "}\n"
            "void start(char *name) {\n"
            "    pthread_t one; char end;\n"
            "    pipe(told); pthread_create(&one, 0, wait, name);\n"
            "    read(told[0], &end, 1); close(told[0]);\n"
            "}\n"
        )
    os.makedirs(os.path.dirname(library), exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-pthread", "-o", library, source], check=True)
    return library
