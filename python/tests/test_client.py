"""The client, on runs that the program made: needs ``go``, or LEVADA_BIN."""

import datetime
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import types
import typing
import unittest
import unittest.mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "python"))

from levada import client  # noqa: E402
from levada.cards import get_cards  # noqa: E402
from levada.cards.exceptions import CardNotPresentException  # noqa: E402
from levada.client import connection, scope  # noqa: E402
from levada.client.data import decode  # noqa: E402
from levada.exceptions import (  # noqa: E402
    DataException,
    MetaflowException,
    MetaflowInternalError,
    MetaflowNamespaceMismatch,
    MetaflowNotFound,
)

FLOW = """
from levada import FlowSpec, IncludeFile, Parameter, retry, step

class Look(FlowSpec):
    alpha = Parameter("alpha", default=0.5)
    text = IncludeFile("text", default="latin.txt", encoding="latin-1")

    @step
    def start(self):
        self.markup = "<b>&amp;</b>"
        self.gif = b"GIF89a" + bytes(20)
        self.large = bytes(range(256)) * 4096
        self.zeros = b"0" * (40 << 20)
        print("x" * 200000)
        self.xs = list(range(150))
        self.next(self.each, foreach="xs")

    @step
    def each(self):
        self.y = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        print("no newline", end="")
        if self.alpha < 0:
            raise ValueError("<wrong>")

Look()
"""

#: A program that notes what it is asked and ends.
_ENDS_WHEN_ASKED = r"""
import os, struct
hello = b'{"type":"hello","rpc":1,"levada":"x"}'
os.write(1, struct.pack(">II", len(hello), 0) + hello)
size, _ = struct.unpack(">II", os.read(0, 8))
asked = os.read(0, size)
with open(__file__ + ".asked", "ab") as file:
    file.write(asked + b"\n")
"""


#: A program that notes what it is asked; it finds the task it is asked for when it is asked for the third time.
_FINDS_LATE = r"""
import json, os, struct, sys
def say(**frame):
    data = json.dumps(frame).encode()
    os.write(1, struct.pack(">II", len(data), 0) + data)
say(type="hello", rpc=1, levada="x")
times = 0
while head := sys.stdin.buffer.read(8):
    asked = json.loads(sys.stdin.buffer.read(struct.unpack(">II", head)[0]))
    times += asked["method"] == "tasks"
    with open(__file__ + ".asked", "a") as file:
        file.write(asked["method"] + "\n")
    say(id=asked["id"], result={"tasks": [{}] if times > 2 else [], "steps": []})
"""


def setUpModule():
    global FOLDER, BINARY
    FOLDER = tempfile.mkdtemp(prefix="levada-client-")
    unittest.addModuleCleanup(shutil.rmtree, FOLDER, ignore_errors=True)
    BINARY = os.environ.get("LEVADA_BIN")
    if not BINARY:
        BINARY = os.path.join(FOLDER, "levada")
        if shutil.which("go") is None:
            raise unittest.SkipTest("neither LEVADA_BIN nor go")
        subprocess.run(["go", "build", "-o", BINARY, "./cmd/levada"], cwd=ROOT, check=True)
    change = {"LEVADA_BIN": BINARY, "USERNAME": "ada", "PYTHONPATH": os.path.join(ROOT, "python")}
    environment = unittest.mock.patch.dict(os.environ, change)
    environment.start()
    unittest.addModuleCleanup(environment.stop)
    for name in ("LEVADA_HOME", "METAFLOW_USER", "LEVADA_USER", "SUDO_USER", "METAFLOW_PRODUCTION_TOKEN"):
        os.environ.pop(name, None)
    with open(os.path.join(FOLDER, "flow.py"), "w") as file:
        file.write(FLOW)
    with open(os.path.join(FOLDER, "latin.txt"), "wb") as file:
        file.write("grün".encode("latin-1"))
    here = os.getcwd()
    unittest.addModuleCleanup(os.chdir, here)
    os.chdir(FOLDER)
    levada("run", "flow.py", "--tag", "good")
    levada("run", "flow.py", "--alpha", "-1", code=1)


def levada(*args, code=0):
    done = subprocess.run([BINARY, *args], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


class ClientTest(unittest.TestCase):
    def setUp(self):
        os.chdir(FOLDER)
        client.default_metadata()
        client.namespace(None)

    def python(self, source, folder=None):
        """What a script in a process of its own prints."""
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(source)], cwd=folder or FOLDER, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_values_of_all_sizes(self):
        data = client.Run("Look/1")["start"].task.data
        self.assertEqual(data.large, bytes(range(256)) * 4096)
        self.assertEqual(data.zeros, b"0" * (40 << 20))  # compressed, and too large for a frame
        self.assertEqual(data.alpha, 0.5)
        self.assertEqual(data.text, "grün".encode("latin-1"))
        self.assertIs(data.large, data.large)
        self.assertEqual(client.Run("Look/1").parameters, {"alpha": 0.5, "text": data.text})

    def test_artifact_that_is_not_there(self):
        task = client.Run("Look/1")["start"].task
        with self.assertRaisesRegex(AttributeError, "^the task Look/1/start/1 has no artifact 'nope'$"):
            task.data.nope
        self.assertFalse(hasattr(task.data, "nope"))

    def test_what_metaflow_keeps_as_private_artifacts(self):
        task = client.Run("Look/1")["each"].task
        frames = task["_foreach_stack"]
        self.assertEqual(frames.data, [("each", "xs", 150, task.index, str(task.index))])
        self.assertIsNot(frames.data, frames.data)
        self.assertGreater(frames.size, 0)
        self.assertEqual(client.Run("Look/1")["join"].task["_foreach_stack"].data, [])
        graph = pickle.loads(pickle.dumps(task["_graph_info"]))
        self.assertEqual((graph.pathspec, graph.data["end_step"]), (task.pathspec + "/_graph_info", "end"))
        self.assertNotIn("_transition", task)
        self.assertEqual([artifact.id for artifact in task if artifact.id.startswith("_")], [])

    def test_pages(self):
        tasks = list(client.Run("Look/1")["each"])
        self.assertEqual([task.index for task in tasks], sorted(range(150), reverse=True))
        with unittest.mock.patch.object(connection, "_connection", Counting()) as counting:
            list(client.Step("Look/1/each"))
        self.assertLessEqual(counting.asked.count("tasks"), 2)
        self.assertEqual(len(list(client.Run("Look/1")["join"].task.parent_tasks)), 150)
        self.assertEqual(tasks[0].data.y, tasks[0].index)

    def test_values_of_a_list(self):
        tasks = list(client.Run("Look/1")["each"])
        with unittest.mock.patch.object(connection, "_connection", Counting()) as counting:
            self.assertEqual([task.data.y for task in tasks], [task.index for task in tasks])
            self.assertLessEqual(len(counting.asked), 6)
            self.assertEqual([task.data.y for task in reversed(tasks)][-1], tasks[0].index)
            self.assertEqual(len(tasks[-1].data.large), 1 << 20)
            self.assertEqual(len(tasks[-2].data.large), 1 << 20)
            with self.assertRaises(AttributeError):
                _ = tasks[3].data.nothing
            with self.assertRaises(AttributeError):
                _ = tasks[4].data.nothing

    def test_logs(self):
        task = client.Run("Look/1")["start"].task
        self.assertEqual(task.stdout, "x" * 200000 + "\n")
        self.assertEqual((task.stdout_size, task.stderr_size, task.stderr), (200001, 0, ""))
        end = client.Run("Look/1").end_task
        self.assertEqual((end.stdout, end.stdout_size), ("no newline\n", len("no newline")))
        time, line = next(end.loglines("stdout", as_unicode=False))
        self.assertEqual(line, b"no newline")
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        self.assertLess(abs((now - time).total_seconds()), 3600)

    def test_failure(self):
        run = client.Flow("Look").latest_run
        self.assertEqual((run.status, run.successful, run.finished), ("failed", False, True))
        self.assertEqual(run.failed_task.pathspec, run.end_task.pathspec)
        self.assertIn("ValueError: <wrong>", run.problem)
        self.assertEqual(run.end_task.exception.type, "builtins.ValueError")
        self.assertIn("raise ValueError", str(run.end_task.exception))
        self.assertEqual(client.Flow("Look").latest_successful_run.id, "1")
        self.assertIsNone(client.Run("Look/1").failed_task)

    def test_html(self):
        run = client.Run("Look/2")
        task = client.Run("Look/1")["start"].task
        for obj in (
            client.Flow("Look"),
            run,
            run["each"],
            run["end"],
            run.end_task,
            task,
            task["markup"],
            task["large"],
            task.data,
            client.Metaflow(),
        ):
            html = obj._repr_html_()
            self.assertEqual(html.count("<table"), html.count("</table>"))
            self.assertNotIn("<wrong>", html)
            self.assertNotIn("<b>&amp;</b>", html)
        self.assertIn("&lt;b&gt;&amp;amp;", task["markup"]._repr_html_())
        self.assertIn("alpha=-1.0", run._repr_html_())
        self.assertIn("failed", run._repr_html_())
        self.assertIn('<img src="data:image/gif;base64,R0lGODlh', task["gif"]._repr_html_())
        self.assertNotIn("<img", task["large"]._repr_html_())
        for html in (task._repr_html_(), task.data._repr_html_()):
            self.assertEqual([self.row(html, name)[-1] for name in ("alpha", "markup")], ["0.5", "&lt;b&gt;&amp;amp;&lt;/b&gt;"])
            self.assertEqual(self.row(html, "xs")[-1], "list of 150 numbers")
            self.assertEqual(self.row(html, "large")[1:], ["bytes", "1.0&nbsp;MB", ""])
            self.assertEqual(self.row(html, "zeros")[1:], ["bytes", "41.9&nbsp;MB", ""])

    def test_html_of_all(self):
        self.assertEqual(self.row(client.Metaflow()._repr_html_(), "Look")[1:3], ["2", "2"])
        self.addCleanup(client.namespace, client.get_namespace())
        for ns, said in (("user:nobody", "user:nobody"), (None, "Look"), ("", "namespace")):
            client.namespace(ns)
            html = client.Metaflow()._repr_html_()
            self.assertIn(said, html)
            self.assertEqual("Look" in html, ns is None)
            self.assertEqual("namespace" in html, ns is not None)

    def test_what_is_in_another_namespace_says_how_to_see_it(self):
        self.addCleanup(client.namespace, client.get_namespace())
        client.namespace("user:nobody")
        for find, what in ((client.Flow, "Look"), (client.Run, "Look/1"), (client.Task, "Look/1/start/1")):
            with self.assertRaises(MetaflowNamespaceMismatch) as caught:
                find(what)
            said = str(caught.exception)
            self.assertTrue(said.startswith("%s('%s') is not in the namespace 'user:nobody'." % (find.__name__, what)), said)
            self.assertIn("namespace(None)", said)

    def test_a_task_without_cards_says_how_it_gets_some(self):
        with self.assertRaises(CardNotPresentException) as caught:
            get_cards(client.Run("Look/1")["start"].task)
        self.assertIn("The task Look/1/start/1 has no cards. A step has some with @card", str(caught.exception))

    @staticmethod
    def row(html, name):
        """The cells of the row that begins with a name."""
        rows = [re.findall("<td[^>]*>(.*?)</td>", row) for row in html.split("<tr>")]
        return next(row for row in rows if row and re.sub("<.*?>", "", row[0]) == name)

    def test_ipython_can_complete_artifacts(self):
        # It takes the type that a property has, if it can be evaluated, for all there is to know of the value.
        for cls, name in ((client.Task, "data"), (client.Run, "data"), (client.Run, "end_task")):
            with self.assertRaises(NameError):
                typing.get_type_hints(getattr(cls, name).fget)
        self.assertIn("markup", dir(client.Run("Look/1")["start"].task.data))

    def test_what_code_out_there_reads_of_artifacts(self):
        data = client.Run("Look/1")["start"].task.data
        for artifacts in (data._artifacts, vars(data)["_artifacts"]):
            self.assertEqual(artifacts["alpha"].data, 0.5)
            self.assertEqual({name for name, artifact in artifacts.items() if artifact.id != name}, set())
            self.assertEqual((artifacts.get("nope"), "nope" in artifacts), (None, False))
            self.assertIn("markup", dict(artifacts))
        self.assertEqual(data.alpha, 0.5)
        again = pickle.loads(pickle.dumps(data))
        self.assertEqual((again.alpha, "markup" in again, str(again)), (0.5, True, str(data)))
        self.assertEqual(
            data._artifacts["alpha"]._object,
            {"flow_id": "Look", "run_number": "1", "step_name": "start", "task_id": "1", "name": "alpha"},
        )
        self.assertEqual(client.Run("Look/1")._object, {"flow_id": "Look", "run_number": "1"})

        made = client.MetaflowData([types.SimpleNamespace(id="a", data=1), types.SimpleNamespace(id="b", data=2)])
        self.assertEqual((made.b, "a" in made, "c" in made, str(made)), (2, True, False, "<MetaflowData: a, b>"))
        self.assertEqual((getattr(made, "c", 4), dir(made), made._repr_html_()), (4, ["a", "b"], None))
        self.assertEqual(client.MetaflowData(client.Run("Look/1")["start"].task).alpha, 0.5)

    def test_code(self):
        code = client.Run("Look/1").code
        self.assertEqual(code.flowspec, FLOW)
        with code.extract() as folder, open(os.path.join(folder, "flow.py")) as file:
            self.assertEqual(file.read(), FLOW)

    def test_no_store_yet(self):
        folder = tempfile.mkdtemp(prefix="levada-none-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.chdir(folder)
        self.assertEqual(list(client.Metaflow()), [])
        self.assertEqual(client.get_metadata(), "local@" + os.path.realpath(folder))
        with self.assertRaises(MetaflowNotFound) as caught:
            client.Flow("Look")
        self.assertIn("store", str(caught.exception))
        shutil.copytree(os.path.join(FOLDER, ".levada"), os.path.join(folder, ".levada"))
        self.assertEqual(client.Flow("Look").id, "Look")

    def test_folder_that_was_deleted(self):
        folder = tempfile.mkdtemp(prefix="levada-deleted-")
        run = client.Run("Look/1")
        os.chdir(folder)
        self.addCleanup(os.chdir, FOLDER)
        os.rmdir(folder)
        for ask in (client.get_metadata, lambda: client.Flow("Look")):
            with self.assertRaises(MetaflowNotFound) as caught:
                ask()
            self.assertIn("current folder", str(caught.exception))
        self.assertEqual(run["start"].task.data.alpha, 0.5)  # its store is known

    def test_store_made_anew(self):
        folder = tempfile.mkdtemp(prefix="levada-anew-")
        self.addCleanup(shutil.rmtree, folder)
        store = os.path.join(folder, ".levada")
        shutil.copytree(os.path.join(FOLDER, ".levada"), store)
        client.metadata(folder)
        self.assertEqual(client.Run("Look/2").status, "failed")
        shutil.rmtree(store)
        with self.assertRaises(MetaflowNotFound):
            client.Run("Look/2")
        shutil.copytree(os.path.join(FOLDER, ".levada"), store)
        self.assertEqual(client.Run("Look/2").status, "failed")

    def test_other_store(self):
        run = client.Run("Look/1")
        folder = tempfile.mkdtemp(prefix="levada-other-")
        self.addCleanup(shutil.rmtree, folder)
        shutil.copytree(os.path.join(FOLDER, ".levada"), os.path.join(folder, ".levada"))
        self.assertEqual(client.metadata("local@" + folder), "local@" + folder)
        other = client.Run("Look/1")
        other.add_tag("only-there")
        self.assertNotIn("only-there", client.Run("Look/1")._store.home and run.user_tags)
        client.default_metadata()
        self.assertNotIn("only-there", client.Run("Look/1").user_tags)
        self.assertIn("only-there", pickle.loads(pickle.dumps(other)).user_tags)
        closed = "127.0.0.1:1"
        servers = ("service@http://" + closed, "http://" + closed, "service@" + closed)
        for wrong in ("/nowhere", "local@/nowhere", FOLDER + "/flow.py", "spin@.", *servers):
            with self.assertRaises(ValueError):
                client.metadata(wrong)

    def test_local_alone_is_the_folder_that_is_used_anyway(self):
        self.addCleanup(client.default_metadata)
        os.mkdir("local")  # a folder of that name does not matter
        self.addCleanup(os.rmdir, "local")
        self.assertEqual(client.metadata("local"), "local@" + os.path.realpath(FOLDER))
        with unittest.mock.patch.dict(os.environ):
            os.environ.pop("LEVADA_SERVER", None)
            for name in ("service", "service@", "service@/"):
                with self.assertRaisesRegex(ValueError, "set LEVADA_SERVER"):
                    client.metadata(name)

    def test_nearer_store(self):
        folder = os.path.join(FOLDER, "nearer")
        os.mkdir(folder)
        self.addCleanup(shutil.rmtree, folder)
        os.chdir(folder)
        self.assertEqual(client.get_metadata(), "local@" + os.path.realpath(FOLDER))
        run = client.Run("Look/1")
        shutil.copytree(os.path.join(FOLDER, ".levada"), os.path.join(folder, ".levada"))
        self.assertEqual(client.get_metadata(), "local@" + os.path.realpath(folder))
        client.Run("Look/1").add_tag("nearer")
        self.assertIn("nearer", client.Run("Look/1").user_tags)
        os.chdir(FOLDER)
        self.assertNotIn("nearer", client.Run("Look/1").user_tags)
        self.assertEqual(run["start"].task.data.alpha, 0.5)  # from where it came

    def test_home_that_is_relative(self):
        with unittest.mock.patch.dict(os.environ, {"LEVADA_HOME": ".levada"}):
            run = client.Run("Look/1")
            self.assertEqual(client.get_metadata(), "local@" + os.getcwd())
            os.chdir("/")
            with self.assertRaises(MetaflowNotFound):
                client.Run("Look/1")  # it means another folder now
        self.assertEqual(pickle.loads(pickle.dumps(run))["start"].task.data.alpha, 0.5)

    def test_inspect_spin(self):
        folder = tempfile.mkdtemp(prefix="levada-spin-")
        self.addCleanup(shutil.rmtree, folder)
        shutil.copytree(os.path.join(FOLDER, ".levada"), os.path.join(folder, ".levada"))
        levada("spin", "flow.py", "1/end", "--persist", "--datastore-root", os.path.join(folder, ".levada"))
        client.inspect_spin(folder)
        self.assertEqual(client.Run("Look/3")["end"].task.stdout, "no newline\n")
        self.assertEqual(client.Flow("Look").latest_run.id, "2")
        with self.assertRaises(ValueError):
            client.inspect_spin("/nowhere")
        empty = os.path.join(folder, "flows")
        os.mkdir(empty)
        with self.assertRaises(ValueError):
            client.inspect_spin(empty)
        client.default_metadata()
        with unittest.mock.patch.dict(os.environ, LEVADA_HOME=os.path.join(folder, ".levada")):
            client.inspect_spin(empty)  # its flows keep their runs elsewhere
            self.assertEqual(client.Run("Look/3")["end"].task.stdout, "no newline\n")
        client.default_metadata()
        client.inspect_spin()
        self.assertEqual(client.Flow("Look").latest_run.id, "2")
        self.assertNotIn("3", client.Flow("Look"))

    def test_chdir(self):
        run = client.Run("Look/1")
        os.chdir("/")
        self.assertEqual(run["start"].task.data.alpha, 0.5)

    def test_pickle(self):
        for obj in (client.Flow("Look"), client.Run("Look/1"), client.Task("Look/1/start/1", attempt=0)):
            self.assertEqual(str(pickle.loads(pickle.dumps(obj))), str(obj))
        state = client.Run("Look/1").__getstate__()
        self.assertEqual(state["version"], "2.12.27")
        with self.assertRaises(MetaflowInternalError):
            client.Run.__new__(client.Run).__setstate__({"version": "9", "data": []})

    def test_child_that_dies(self):
        client.Flow("Look")
        os.kill(connection._connection._child.pid, signal.SIGKILL)
        self.assertEqual(client.Flow("Look").latest_run.id, "2")

    def test_threads(self):
        failures = []

        def look(n):
            try:
                for _ in range(5):
                    self.assertEqual(client.Run("Look/1")["each"][str(n + 2)].data.y, n)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=look, args=(n,)) for n in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_fork(self):
        printed = self.python(
            """
            import os
            from levada import Run
            run = Run("Look/1", _namespace_check=False)
            for _ in range(3):
                pid = os.fork()
                if pid == 0:
                    os._exit(0 if run["start"].task.data.alpha == 0.5 else 1)
                assert os.waitpid(pid, 0)[1] == 0
                assert run.parent.id == "Look"
            print("fine")
            """
        )
        self.assertEqual(printed, "fine")

    def test_ends_with_the_interpreter(self):
        pid = int(
            self.python(
                """
                from levada import Metaflow
                from levada.client import connection
                list(Metaflow())
                print(connection._connection._child.pid)
                """
            )
        )
        # It sees the end of its input and ends; nobody waits for it, so its number goes.
        for _ in range(1000):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            threading.Event().wait(0.01)
        self.fail("the child lives on")

    def test_no_program(self):
        # A copy of the package, since one may have built the program beside this one.
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(os.path.join(ROOT, "python", "levada"), os.path.join(folder, "python", "levada"))
            said = self.python(
                """
                import os, sys
                sys.path.insert(0, "python")
                os.environ.update(LEVADA_BIN="/nowhere", PATH="/nowhere")
                from levada import Flow
                from levada.exceptions import MetaflowException
                try:
                    Flow("Look")
                except MetaflowException as error:
                    print("LEVADA_BIN" in str(error))
                """,
                folder,
            )
        self.assertEqual(said, "True")

    def test_wrong_program(self):
        for script in (
            "exit 3",
            r"""printf '\000\000\000\043\000\000\000\000{"type":"hello","rpc":99,"levada":9}'""",
            "echo not a frame",
        ):
            path = os.path.join(tempfile.mkdtemp(dir=FOLDER), "levada")
            with open(path, "w") as file:
                file.write("#!/bin/sh\n%s\n" % script)
            os.chmod(path, 0o755)
            other = unittest.mock.patch.object(connection, "_connection", connection.Connection())
            environment = unittest.mock.patch.dict(os.environ, LEVADA_BIN=path)
            with environment, other, self.assertRaises(MetaflowException):
                client.Flow("Look")

    def test_what_writes_is_not_asked_twice(self):
        path = os.path.join(tempfile.mkdtemp(dir=FOLDER), "levada")
        with open(path, "w") as file:
            file.write("#!%s\n%s" % (sys.executable, textwrap.dedent(_ENDS_WHEN_ASKED)))
        os.chmod(path, 0o755)
        for method, times in (("run", 2), ("tags", 1), ("resume_run", 1)):
            with self.subTest(method), unittest.mock.patch.dict(os.environ, LEVADA_BIN=path):
                with self.assertRaises(MetaflowException) as caught:
                    connection.Connection().ask({}, method, {"run": 1})
                self.assertIn("exited before it answered the request '%s'." % method, str(caught.exception))
                self.assertEqual("may have carried" in str(caught.exception), times == 1)
                with open(path + ".asked") as file:
                    self.assertEqual(file.read().count('"method":"%s"' % method), times)

    def test_a_task_waits_for_its_own_record_once(self):
        path = os.path.join(tempfile.mkdtemp(dir=FOLDER), "levada")
        with open(path, "w") as file:
            file.write("#!%s\n%s" % (sys.executable, _FINDS_LATE))
        os.chmod(path, 0o755)
        said = self.python(
            """
            import os
            os.environ["LEVADA_BIN"] = %r
            from types import SimpleNamespace
            from levada import running
            from levada.client.connection import Store
            running.enter(SimpleNamespace(frame={"run": "7", "task": "3", "home": "/there"}))
            def ask(home, method, **params):
                Store(home).ask(method, **params)
                with open(os.environ["LEVADA_BIN"] + ".asked", "r+") as file:
                    print(*file.read().split(), end="; ")
                    file.truncate(0)
            ask("/there", "steps", run=8)
            ask("/elsewhere", "steps", run=7)
            ask("/there", "run", run=7)
            ask("/there", "steps", run=7)
            ask("/there", "steps", run=7)
            """
            % path
        )
        self.assertEqual(said, "steps; steps; run; tasks tasks tasks steps; steps;")

    def test_what_was_not_sent_is_asked_again(self):
        other = connection.Connection()
        where = {"home": os.path.join(FOLDER, ".levada")}
        other.ask(where, "info", {})
        os.kill(other._child.pid, signal.SIGKILL)
        os.waitpid(other._child.pid, 0)
        answer, _ = other.ask(where, "tags", {"run": 1, "add": [], "remove": []})
        self.assertIn("result", answer)
        other._child.end()

    def test_damaged_value(self):
        folder = tempfile.mkdtemp(prefix="levada-damaged-")
        self.addCleanup(shutil.rmtree, folder)
        store = os.path.join(folder, ".levada")
        shutil.copytree(os.path.join(FOLDER, ".levada"), store)
        client.metadata(folder)
        artifact = client.Run("Look/1")["start"].task["large"]
        name = os.path.join(store, "blobs", artifact.sha[:2], artifact.sha[2:])
        found = next(path for path in (name, name + ".zst") if os.path.exists(path))
        os.chmod(found, 0o644)
        with open(found, "r+b") as file:
            file.seek(100)
            file.write(b"damage")
        with self.assertRaisesRegex(DataException, "^'large' of Look/1/start/1 could not be read: .*blob"):
            artifact.data

    def test_values_that_cannot_be_unpickled(self):
        described = {"codec": "pickle", "type": "x"}
        for data, kind, said in [
            (b"cnowhere_at_all\nSpec\n.", ModuleNotFoundError, "Install the module"),
            (b"cos\nSpec\n.", AttributeError, "Define or import"),
            (b"cbuiltins\nint\n(S'a'\ntR.", ValueError, "invalid literal"),
            (b"", EOFError, "could not be unpickled"),
        ]:
            with self.subTest(kind), self.assertRaisesRegex(kind, said) as caught:
                decode("spec", described, data)
            self.assertIsInstance(caught.exception, DataException)
            self.assertIn("'spec'", str(caught.exception))
            copy = pickle.loads(pickle.dumps(caught.exception))
            self.assertEqual((type(copy), str(copy)), (type(caught.exception), str(caught.exception)))
        # An exception that is not made of a message alone can only be the cause.
        with self.assertRaises(DataException) as caught:
            decode("spec", described, b"c_codecs\ndecode\n(C\x01\xffS'ascii'\ntR.")
        self.assertIsInstance(caught.exception.__cause__, UnicodeDecodeError)

    def test_scope(self):
        self.assertEqual(client.default_namespace(), "user:ada")
        with unittest.mock.patch.dict(os.environ, METAFLOW_PRODUCTION_TOKEN="tok"):
            self.assertEqual(client.default_namespace(), "production:tok")
        self.assertEqual(scope.get_namespace(), "production:tok")


class Counting:
    """A connection that remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self._real = connection._the_connection()

    def ask(self, where, method, params):
        self.asked.append(method)
        return self._real.ask(where, method, params)


class ServerTest(ClientTest):
    """Everything is as it is in the folder, where the folder does not matter."""

    test_nearer_store = test_home_that_is_relative = test_inspect_spin = None
    test_folder_that_was_deleted = test_no_store_yet = None

    @classmethod
    def setUpClass(cls):
        server = subprocess.Popen(
            [BINARY, "--quiet", "server", "--port", "0"], cwd=FOLDER, stdout=subprocess.PIPE, text=True
        )
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.stdout.close)
        cls.addClassCleanup(server.terminate)
        cls.server = server.stdout.readline().strip()
        change = unittest.mock.patch.dict(os.environ, {"LEVADA_SERVER": cls.server})
        change.start()
        cls.addClassCleanup(client.default_metadata)
        cls.addClassCleanup(change.stop)

    def test_names(self):
        self.assertEqual(client.get_metadata(), "service@" + self.server)
        for name in (self.server, "service@" + self.server + "/"):
            self.assertEqual(client.metadata(name), "service@" + self.server)
        self.assertEqual(client.metadata(FOLDER), "local@" + os.path.realpath(FOLDER))
        self.assertEqual(client.Run("Look/1").pathspec, "Look/1")
        self.assertEqual(client.metadata("service"), "service@" + self.server)


if __name__ == "__main__":
    unittest.main()
