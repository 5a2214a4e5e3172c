"""Failures: what is printed, what is recorded, what decorators make of them."""

import os
import signal
import subprocess
import sys
import time
import unittest
import zipfile

from support import FlowTest


class Output(FlowTest):
    def test_users_frames_only(self):
        host = self.steps("print('out')\nself.x = g(1)", classbody="pass\nglobal g\ndef g(n):\n    return [][n]")
        result = host.task("s0")
        self.assertFails(result)
        self.assertEqual(result.exited["code"], 1)
        self.assertEqual(result.stdout, "out\n")
        lines = result.stderr.split("\n")
        self.assertEqual(
            lines[:3], ["<flow F step s0> failed:", "    Internal error", "Traceback (most recent call last):"]
        )
        self.assertEqual(lines[-3:], ["IndexError: list index out of range", "", ""])
        self.assertIn("in s0", lines[3])
        self.assertNotIn("levada/", result.stderr)
        exception = result.done["exception"]
        self.assertEqual((exception["type"], exception["message"]), ("IndexError", "list index out of range"))
        self.assertTrue(exception["traceback"].startswith("Traceback"))

    def test_a_task_has_no_keyboard(self):
        host = self.steps("breakpoint()\nself.next(self.end)", "self.x = input()\nself.next(self.end)")
        self.assertFails(host.task("s0"), "Flow failed in file", "PYTHONBREAKPOINT=0")
        self.assertFails(host.task("s1"), "EOFError", "A task cannot read from the keyboard")

    def test_cause_and_frames_below(self):
        host = self.steps("try:\n    self.nope\nexcept AttributeError as e:\n    raise ValueError('x') from e")
        result = host.task("s0")
        self.assertFails(result, "direct cause", "AttributeError: Flow F has no attribute 'nope'")
        self.assertNotIn("levada/", result.stderr)

    def test_an_artifact_of_the_branches_in_a_join(self):
        host = self.steps("JOIN\nself.loss")
        result = host.join("s0", [{"loss": 1}, {"loss": 2}])
        self.assertFails(result, "Flow F has no attribute 'loss'. This step is a join", "inputs[0].loss")

    def test_exceptions_that_explain_themselves(self):
        host = self.steps(
            "class E(MetaflowException):\n    headline = 'Head'\nraise E('one\\ntwo', 7)",
            "g()",
            classbody="pass\nglobal g, MetaflowException\nfrom metaflow.exception import MetaflowException\n"
            "def g():\n    raise MetaflowException('three')",
        )
        result = host.task("s0")
        self.assertEqual(result.stderr, "<flow F step s0> failed:\n    Head on line 7:\n    one\n    two\n\n")
        told = host.task("s1").stderr.split("\n")
        self.assertEqual(told[:3], ["<flow F step s1> failed:", "    Flow failed:", "    three"])
        places = [line.split(", ")[-1] for line in told[3:] if line.startswith("  File ")]
        self.assertEqual(places, ["in s1", "in g"])


class Start(FlowTest):
    def test_a_flow_in_an_archive(self):
        flow = self.write("class F(FlowSpec):\n    @step\n    def start(self):\n        pass\n\nF()\n")
        archive = flow + "z"
        with zipfile.ZipFile(archive, "w") as packed:
            packed.write(flow, "__main__.py")
        environment = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        ended = subprocess.run([sys.executable, archive, "run"], env=environment, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(
            ended.stderr,
            "levada: a flow must be in a file of its own to be run from the command line: "
            "%s/__main__.py is not one, as nothing in an archive is.\n" % archive,
        )


class Ends(FlowTest):
    def test_exits(self):
        host = self.steps(
            "sys.exit(3)", "sys.exit(202)", "sys.exit(0)", "sys.exit('words')", "os._exit(9)", "os.kill(os.getpid(), 9)"
        )
        result = host.task("s0")
        self.assertFails(result, "exited with the code 3")
        self.assertEqual(result.exited["code"], 1)
        result = host.task("s1")
        self.assertFails(result, "202")
        self.assertEqual((result.done["no_retry"], result.exited["code"]), (True, 202))
        self.assertFails(host.task("s2"), "sys.exit()", "self.next()")
        self.assertFails(host.task("s3"), "words")
        result = host.task("s4")
        self.assertEqual((result.done, result.exited["code"]), (None, 9))
        result = host.task("s5")
        self.assertEqual((result.done, result.exited["code"], result.exited["signal"]), (None, -1, 9))

    def test_terminate(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            host = self.steps(
                # Python sees a signal that comes right before a sleep only after it: hence many short ones.
                "self.a = 1\ntry:\n    print('on', flush=True)\n    for _ in range(2000): time.sleep(0.01)\n"
                "finally:\n    print('cleaned up')",
                "self.next(self.end)",
            )
            read, write = os.pipe()
            with open(write, "wb") as out, open(read, "rb") as lines:
                id, conversation = host.fork(out)
                conversation.send(host.frame("s0"))
                lines.readline()
                host.kill(id, number)
                done, _ = conversation.receive()
            conversation.close()
            self.assertEqual((done["ok"], done["exception"]["type"]), (False, "KeyboardInterrupt"))
            self.assertEqual([one["name"] for one in done["artifacts"]], ["a"])
            self.assertEqual(host.wait_exit(id)["code"], 1)
            self.assertOk(host.task("s1"))

    def test_threads_and_children_left_behind(self):
        host = self.steps("""
            import threading, subprocess
            from levada import ending
            ending.SOON, ending.LATE = 0.1, 0.3
            threading.Thread(target=time.sleep, args=(30,), name="stuck").start()
            self.pid = subprocess.Popen(["sleep", "30"]).pid
            print("kept", end="")
            self.next(self.end)
        """)
        began = time.time()
        result = host.task("s0")
        self.assertOk(result)
        self.assertLess(time.time() - began, 5)
        self.assertEqual(result.stdout, "kept")
        self.assertIn("its process waits for the thread stuck", result.stderr)
        self.assertIn("without waiting longer for the thread stuck", result.stderr)
        pid = result.values()["pid"]
        for _ in range(100):
            try:
                with open("/proc/%d/stat" % pid) as file:
                    if file.read().split()[2] == "Z":
                        break
            except OSError:
                break
            time.sleep(0.02)
        else:
            self.fail("the child of the task is still there")


class Catch(FlowTest):
    def test_last_attempt(self):
        host = self.steps(
            "@catch(var='e')\nself.before = 1\nraise ValueError('boom')\nself.next(self.end)",
            "@catch(var='e')\nself.next(self.end)",
            "@catch(print_exception=False)\nsys.exit(3)\nself.next(self.s0, self.s1)",
        )
        result = host.task("s0", retries=1)
        self.assertFails(result, "ValueError: boom")
        self.assertEqual(result.values(), {"before": 1})
        result = host.task("s0", attempt=1, retries=1)
        self.assertOk(result)
        self.assertTrue(result.done["caught"])
        self.assertEqual(result.next, ["end"])
        self.assertEqual(set(result.artifacts), {"before", "e", "_catch_exception"})
        error = result.values()["e"]
        self.assertEqual((error.type, error.exception), ("builtins.ValueError", "boom"))
        self.assertTrue(str(error).startswith("Traceback"))
        lines = result.stdout.split("\n")
        self.assertEqual(lines[0], "@catch caught an exception from <flow F step s0>")
        self.assertTrue(all(line.startswith(">  ") for line in lines[1:-1]))
        self.assertEqual(lines[-2], ">  ValueError: boom")
        self.assertEqual(result.stderr, "")
        result = host.task("s1")
        self.assertEqual(result.values(), {"e": None})
        self.assertNotIn("caught", result.done)
        result = host.task("s2")
        self.assertTrue(result.done["caught"])
        self.assertEqual((result.next, result.stdout), (["s0", "s1"], ""))

    def test_what_cannot_be_stored(self):
        host = self.steps("@catch(var='e')\nself.good, self.bad = 1, open(os.devnull)\nself.next(self.end)")
        result = host.task("s0", retries=1)
        self.assertFails(result, "'bad' cannot be pickled")
        result = host.task("s0", attempt=1, retries=1)
        self.assertOk(result)
        self.assertTrue(result.done["caught"])
        self.assertEqual(set(result.artifacts), {"good", "e", "_catch_exception"})
        self.assertTrue(result.values()["e"].type.endswith("UnpicklableArtifactException"))

    def test_without_stdout(self):
        host = self.steps(
            *("@catch(var='e')\nself.before = 1\n%s\n1 // 0\nself.next(self.end)" % closed
              for closed in ("sys.stdout.close()", "os.close(1)", "sys.stdout = None", "sys.stdout.close()\nsys.stderr.close()",
                             "os.close(1)\nself.big = bytes(1 << 20)"))  # fmt: skip
        )
        for step in ("s0", "s1", "s2", "s3", "s4"):
            with self.subTest(step):
                result = host.task(step)
                self.assertOk(result)
                self.assertEqual(result.values()["e"].type, "builtins.ZeroDivisionError")
                self.assertEqual(result.values()["before"], 1)
                if step == "s4":
                    self.assertEqual(result.values()["big"], bytes(1 << 20))

    def test_of_unusual_kinds(self):
        host = self.steps(
            "@catch(var='e')\nraise KeyboardInterrupt('of a library')",
            "@catch(var='e')\nclass E(Exception):\n    def __str__(self): raise ValueError('no text')\nraise E()",
            "raise KeyboardInterrupt('of a library')",
        )
        for step, said in (("s0", "of a library"), ("s1", "<the exception's __str__ raised ValueError>")):
            result = host.task(step)
            self.assertOk(result)
            self.assertEqual(result.values()["e"].exception, said)
        self.assertFails(host.task("s2"), "KeyboardInterrupt: of a library")

    def test_fallback(self):
        host = self.steps("@catch(var='e')\nself.never = 1\nself.next(self.end)")
        result = host.task("s0", attempt=3, retries=2, fallback=True)
        self.assertOk(result)
        error = result.values()["e"]
        self.assertTrue(error.type.endswith("FailureHandledByCatch"))
        self.assertIn("3", error.exception)
        self.assertNotIn("never", result.artifacts)

    def test_added_on_the_command_line(self):
        host = self.steps("1 // 0\nself.next(self.end)", "@catch(var='mine')\n1 // 0\nself.next(self.end)")
        added = [{"name": "catch", "attributes": {"var": "e"}}, {"name": "resources", "attributes": {}}]
        result = host.task("s0", **{"with": added})
        self.assertOk(result)
        self.assertIn("e", result.artifacts)
        self.assertFails(host.task("s0"), "ZeroDivisionError")
        result = host.task("s1", **{"with": added})
        self.assertIn("mine", result.artifacts)
        self.assertNotIn("e", result.artifacts)


class Timeout(FlowTest):
    def test_stack_has_users_frames_only(self):
        decorator = (
            "pass\nglobal g, around\ndef g():\n    time.sleep(20)\n"
            "@user_step_decorator\ndef around(name, flow, inputs=None, attributes=None):\n    yield\n"
        )
        host = self.steps("@around\n@timeout(seconds=1)\ng()\nself.next(self.end)", classbody=decorator)
        result = host.task("s0")
        self.assertFails(result, "Stack when it was stopped:\n", "time.sleep(20)")
        for text in (result.stderr, result.done["exception"]["message"]):
            self.assertNotIn("levada/", text)
        places = [line.rsplit(" ", 1)[1] for line in result.stderr.split("\n") if line.lstrip().startswith("File ")]
        self.assertEqual(places, ["s0", "g"])

    def test_raises_in_the_step(self):
        host = self.steps(
            "@timeout(seconds=1)\ntime.sleep(20)\nself.next(self.end)",
            "@catch(var='e')\n@timeout(seconds=1)\ntime.sleep(20)\nself.next(self.end)",
            "@timeout(seconds=1)\nfrom metaflow.plugins.timeout_decorator import TimeoutException\n"
            # With the loop right behind the try, CPython 3.11 takes a signal at its jump back to be before the try.
            "try:\n    self.y = 0\n    while True: self.x; del self.x\nexcept TimeoutException:\n    self.y = self.x\n"
            "self.next(self.end)",
            "time.sleep(20)",
        )
        began = time.time()
        result = host.task("s0")
        self.assertFails(result, "@timeout", "s0 timed out after 0 hours, 0 minutes, 1 seconds", "time.sleep(20)")
        self.assertEqual(result.timeouts, ["begun", "heard", "over"])
        self.assertTrue(result.done["exception"]["type"].endswith("TimeoutException"))
        result = host.task("s1")
        self.assertOk(result)
        self.assertTrue(result.values()["e"].type.endswith("TimeoutException"))
        # In the middle of requests it waits for the answer, so that the conversation goes on.
        result = host.task("s2", {"x": 5})
        self.assertOk(result)
        self.assertEqual(result.values()["y"], 5)
        self.assertEqual(result.timeouts, ["begun", "heard", "over"])
        self.assertFails(host.task("s3", timeout=0.3), "timed out")
        self.assertLess(time.time() - began, 12)

    def test_comes_in_the_middle_of_a_fork(self):
        # Python drops what is raised while it forks, so the signal has to come again.
        hook = "import os\nslow = []\nos.register_at_fork(before=lambda slow=slow: slow and time.sleep(1))\n"
        host = self.steps(
            "@timeout(seconds=0.5)\nF.slow.append(1)\nif not F.os.fork(): F.os._exit(0)\n"
            "time.sleep(20)\nself.next(self.end)",
            classbody=hook,
        )
        self.assertFails(host.task("s0"), "timed out")

    def test_comes_again_until_it_is_heard(self):
        # Python does not see a signal that comes right before a sleep until that is over.
        host = self.steps(
            "@timeout(seconds=1)\nimport signal\nfrom metaflow.plugins.timeout_decorator import TimeoutException\n"
            "self.before = signal.getitimer(signal.ITIMER_REAL)\ntry:\n    time.sleep(20)\n"
            "except TimeoutException:\n    self.after = signal.getitimer(signal.ITIMER_REAL)\nself.next(self.end)"
        )
        values = host.task("s0").values()
        self.assertTrue(0 < values["before"][1] < 1, values)
        self.assertEqual(values["after"], (0, 0))

    def test_without_one_nothing_is_told(self):
        result = self.steps("self.next(self.end)").task("s0")
        self.assertOk(result)
        self.assertEqual(result.timeouts, [])


if __name__ == "__main__":
    unittest.main()
