"""``Runner``: run flows from Python code.

A flow that is run this way runs in processes of its own, exactly as from the command line. Their output goes to
files in a temporary folder, so a run does not depend on whether anybody reads it, or on whether the program that
started it lives on.
"""

import codecs
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from threading import get_ident, main_thread

from .commandline import command_words, given_configs, top_words
from .exceptions import MetaflowNotFound
from .flowfile import definition_of, in_utf8, sdk_environment, utf8
from .standard import TYPE_CHECKING, library

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any, Union

    from .client import Run, Task

_PAUSE = 0.02  # seconds between two looks at a process
_STREAMS = ("stdout", "stderr")


# ``from levada import *`` loads this module for flows that need nothing of it, so what is large is imported where it is
# used.


async def _pause():
    import asyncio

    await asyncio.sleep(_PAUSE)


def _interruptions():
    """The exceptions by which a program is told to give up."""
    asyncio = sys.modules.get("asyncio")
    return (KeyboardInterrupt,) if asyncio is None else (KeyboardInterrupt, asyncio.CancelledError)


def _undisturbed(call):
    """Call a function; if somebody presses Ctrl-C meanwhile, that is heard when it has returned.

    The exception, raised at the wrong moment in a method of Popen, would leave its lock locked: we would wait for ever.
    """
    heed = signal.getsignal(signal.SIGINT)
    if not callable(heed) or get_ident() != main_thread().ident:
        return call()
    pressed = []
    signal.signal(signal.SIGINT, lambda *args: pressed.append(args))
    try:
        return call()
    finally:
        signal.signal(signal.SIGINT, heed)
        if pressed:
            heed(*pressed[0])


def is_session():
    """Whether somebody works in this process, in IPython or marimo, so that it must not turn into something else."""
    ipython, marimo = sys.modules.get("IPython"), sys.modules.get("marimo")
    return (ipython is not None and ipython.get_ipython() is not None) or (
        marimo is not None and marimo.running_in_notebook()
    )


class Command:
    """A process that runs a command line of a flow.

    ``command`` is the list of words, ``process`` the ``subprocess.Popen``, ``log_files`` the paths of its two streams,
    ``timeout`` whether ``wait`` gave it up.
    """

    def __init__(self, command, env, cwd, folder):
        self.command = command
        self.env = env
        self.cwd = cwd
        self.timeout = False
        self.log_files = {stream: os.path.join(folder, stream + ".log") for stream in _STREAMS}
        with open(self.log_files["stdout"], "wb") as out, open(self.log_files["stderr"], "wb") as errors:
            # In a session of its own: Ctrl-C reaches it through us, once, wherever it was pressed.
            self.process = subprocess.Popen(
                [utf8(word) for word in command],
                env=in_utf8(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def returncode(self) -> "int | None":
        """The exit code, None while it runs."""
        return _undisturbed(self.process.poll)

    def text(self, stream):
        """What the process has written so far. FileNotFoundError after a cleanup."""
        with open(self.log_files[stream], encoding="utf-8", errors="replace") as file:
            return file.read()

    def run(self, show):
        """Wait for the end; show what is written as it is written if asked. Ctrl-C is passed on."""
        # Notebooks show stderr in red, as errors. What a run says of itself is none.
        errors = sys.stdout if is_session() else sys.stderr
        streams = {"stdout": sys.stdout, "stderr": errors} if show else {}
        followers = [_Follower(name, self.log_files[name], stream) for name, stream in streams.items()]
        try:
            self._run(followers)
        finally:
            for follower in followers:
                follower.show()  # what an interrupted run says at last
                follower.close()

    def _run(self, followers):
        while True:
            try:
                ended = self.returncode is not None
                for follower in sorted(followers, key=_Follower.turn):
                    follower.show()
                if ended:
                    return
                self._wait(_PAUSE)
            except KeyboardInterrupt:
                self.interrupt()
                raise

    def interrupt(self):
        """Ask the process to end, as Ctrl-C does, and wait for it; a second Ctrl-C ends it at once."""
        while self.returncode is None:
            os.kill(self.process.pid, signal.SIGINT)
            try:
                self._wait(float("inf"))
            except KeyboardInterrupt:
                continue

    def kill(self):
        """End the process and what it runs: gently first, for then the run is recorded as interrupted."""
        for number, patience in (signal.SIGINT, 10), (signal.SIGINT, 10), (signal.SIGKILL, float("inf")):
            if self.returncode is None:
                os.kill(self.process.pid, number)
                self._wait(patience)

    def _wait(self, seconds):
        """Wait for the end, so many seconds at most."""
        limit, pause = time.monotonic() + seconds, 0.001
        while self.returncode is None:
            left = limit - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(pause, left))
            pause = min(2 * pause, _PAUSE)

    async def lines(self, stream, position):
        """The lines of a stream from a position, each with the position behind it, until the process has ended."""
        with open(self.log_files[stream], "rb") as file:
            file.seek(position or 0)
            rest = b""
            while True:
                ended = self.returncode is not None
                line = file.readline()
                rest += line
                if rest.endswith(b"\n") or (rest and ended and not line):
                    text, rest = rest.decode(errors="replace").rstrip("\n"), b""
                    yield file.tell(), text
                elif not line:
                    if ended:
                        return
                    await _pause()


class _Follower:
    """Copies what a file, that of the stream with the name, gets to a stream of this process."""

    def __init__(self, name, path, stream):
        self._name = name
        self._stream = stream
        self._file = open(path, "rb")
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def turn(self):
        """Of what two files got meanwhile, the older is shown first.

        The times of files come in ticks. Within one, stderr comes before stdout begins, which is when the run starts,
        but behind all that follows: it tells at the end why the run failed.
        """
        begins = self._name == "stdout" and self._file.tell() == 0
        return os.fstat(self._file.fileno()).st_mtime_ns, begins

    def show(self):
        text = self._decode(self._file.read())
        if text:
            try:
                self._stream.write(text)
            except UnicodeEncodeError as error:  # the stream is not in UTF-8
                self._stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
            self._stream.flush()

    def close(self):
        self._file.close()


class ExecutingProcess:
    """A command that runs or has run."""

    def __init__(self, runner, command_obj):
        #: The Runner that started it.
        self.runner = runner
        #: The process: ``command_obj.command`` is its command line.
        self.command_obj = command_obj

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.runner.__exit__(kind, error, trace)

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        self.runner.__exit__(kind, error, trace)

    async def wait(self, timeout=None, stream=None) -> "ExecutingProcess":
        """Wait for the end, at most ``timeout`` seconds; then the process is ended and the status is ``timeout``.

        ``stream``, "stdout" or "stderr", is printed meanwhile. Returns this object.
        """
        import asyncio

        waiting = self._ended() if stream is None else self._print(stream)
        try:
            await asyncio.wait_for(waiting, timeout)
        except asyncio.TimeoutError:
            self.command_obj.timeout = True
            self.command_obj.kill()
            print(
                "Timeout: the process did not end within %s seconds: %s" % (timeout, " ".join(self.command_obj.command))
            )
        return self

    async def _ended(self):
        while self.returncode is None:
            await _pause()

    async def _print(self, stream):
        async for _, line in self.stream_log(stream):
            print(line)

    async def stream_log(self, stream, position=None) -> "AsyncIterator[tuple[int, str]]":
        """Yield ``(position, line)`` for the lines of "stdout" or "stderr", until the process has ended.

        A position that was yielded, given to another call, goes on behind its line.
        """
        if stream not in _STREAMS:
            raise ValueError("There is no stream '%s': it is 'stdout' or 'stderr'" % stream)
        async for behind, line in self.command_obj.lines(stream, position):
            yield behind, line

    @property
    def returncode(self) -> "int | None":
        """The exit code, None while it runs."""
        return self.command_obj.returncode

    @property
    def status(self) -> str:
        """``running``, ``successful``, ``failed`` or ``timeout``."""
        if self.command_obj.timeout:
            return "timeout"
        if self.returncode is None:
            return "running"
        return "failed" if self.returncode else "successful"

    @property
    def stdout(self) -> str:
        """What it has written to stdout so far. FileNotFoundError after a cleanup."""
        return self.command_obj.text("stdout")

    @property
    def stderr(self) -> str:
        """What it has written to stderr so far. FileNotFoundError after a cleanup."""
        return self.command_obj.text("stderr")


class ExecutingRun(ExecutingProcess):
    """A run that goes on or has ended. ``run`` is its ``metaflow.Run``."""

    def __init__(self, runner, command_obj, run: "Union[Run, Any]"):
        super().__init__(runner, command_obj)
        self.run = run

    def __repr__(self):
        return "<ExecutingRun: %s, %s>" % (getattr(self.run, "pathspec", self.run), self.status)


class ExecutingTask(ExecutingProcess):
    """A spun task. ``task`` is its ``metaflow.Task``."""

    def __init__(self, runner, command_obj, task: "Union[Task, Any]"):
        super().__init__(runner, command_obj)
        self.task = task

    def __repr__(self):
        return "<ExecutingTask: %s, %s>" % (getattr(self.task, "pathspec", self.task), self.status)


class Runner:
    """Runs the flow of a file.

    ``show_output`` prints what blocking calls make the flow print. ``env`` is added to the environment, ``profile``
    is Metaflow's profile, ``cwd`` the working directory. ``file_read_timeout`` is how many seconds a run may take to
    begin. Further arguments are the options before the command: ``datastore_root="…"``, ``decospecs=["retry"]``,
    ``environment="pypi"``.

    As a context manager it removes its log files at the end. Raises FileNotFoundError if there is no such file and
    MetaflowException if there is no flow in it.
    """

    def __init__(
        self, flow_file, show_output=True, profile=None, env=None, cwd=None, file_read_timeout=3600, **kwargs
    ) -> None:
        self.flow_file = os.path.abspath(flow_file)
        if not os.path.isfile(self.flow_file):
            raise FileNotFoundError("There is no flow file %s" % self.flow_file)
        self.show_output = show_output
        self.cwd = os.fspath(cwd) if cwd is not None else os.getcwd()
        self.file_read_timeout = file_read_timeout
        self.top_level_kwargs = kwargs
        self._top = top_words({"pylint": False, **kwargs})
        self.env_vars = sdk_environment(env)
        if profile:
            self.env_vars["METAFLOW_PROFILE"] = profile
        self._folders = []
        self._commands = []
        self._definition, self._incomplete = definition_of(
            self.flow_file, sys.executable, self.env_vars, self.cwd, partial(given_configs, kwargs)
        )

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and issubclass(kind, _interruptions()):
            for command in self._commands:
                command.interrupt()
        self.cleanup()

    async def __aenter__(self) -> "Runner":
        return self

    async def __aexit__(self, kind, error, trace):
        self.__exit__(kind, error, trace)

    def cleanup(self) -> None:
        """Remove the log files. What is still running goes on."""
        from shutil import rmtree

        for folder in self._folders:
            rmtree(folder, ignore_errors=True)
        self._folders.clear()

    # What it runs.

    def run(self, **kwargs) -> "ExecutingRun":
        """Run the flow and wait for its end. Parameters and the options of ``run`` are arguments: ``alpha=1``,
        ``tags=["a"]``, ``max_workers=4``. Returns an ExecutingRun, also when the run has failed.

        RuntimeError if no run could be started; ValueError and TypeError for wrong arguments.
        """
        return self._block("run", kwargs, ExecutingRun)

    def resume(self, **kwargs) -> "ExecutingRun":
        """Resume a run and wait for its end: ``origin_run_id="12", step_to_rerun="train"``. See ``run``."""
        return self._block("resume", kwargs, ExecutingRun)

    def spin(self, pathspec, **kwargs) -> "ExecutingTask":
        """Run one step again and wait for its end: ``spin("12/train")``. Returns an ExecutingTask."""
        return self._block("spin", dict(kwargs, pathspec=pathspec), ExecutingTask)

    async def async_run(self, **kwargs) -> "ExecutingRun":
        """Start a run; returns an ExecutingRun as soon as its id is known. See ``run``."""
        return await self._start("run", kwargs, ExecutingRun)

    async def async_resume(self, **kwargs) -> "ExecutingRun":
        """Start resuming a run; returns an ExecutingRun as soon as the id of the new one is known."""
        return await self._start("resume", kwargs, ExecutingRun)

    async def async_spin(self, pathspec, **kwargs) -> "ExecutingTask":
        """Start running one step again; returns an ExecutingTask as soon as it has an id."""
        return await self._start("spin", dict(kwargs, pathspec=pathspec), ExecutingTask)

    def _command(self, command, kwargs):
        if command == "run" and self._incomplete:  # which parameters there are is not known
            raise RuntimeError("No run can be started: %s" % self._incomplete)
        words = command_words(command, self._definition, kwargs)
        with library():
            from tempfile import mkdtemp

        folder = mkdtemp(prefix="levada-runner-")
        self._folders.append(folder)
        attributes = os.path.join(folder, "attributes.json")
        line = [sys.executable, self.flow_file, *self._top, words[0], "--runner-attribute-file", attributes, *words[1:]]
        started = Command(line, self.env_vars, self.cwd, folder)
        self._commands.append(started)
        return started, attributes

    def _block(self, command, kwargs, make):
        started, attributes = self._command(command, kwargs)
        try:
            started.run(self.show_output)
        except KeyboardInterrupt as pressed:
            # How we waited would bury, in a notebook, what the run has said at last.
            raise pressed.with_traceback(None) from None
        return self._result(started, attributes, make)

    async def _start(self, command, kwargs, make):
        started, attributes = self._command(command, kwargs)
        limit = time.monotonic() + self.file_read_timeout
        while started.returncode is None and not os.path.exists(attributes):
            if time.monotonic() > limit:
                started.kill()
                raise TimeoutError("No run began within %s seconds" % self.file_read_timeout)
            await _pause()
        while True:
            ended = started.returncode is not None
            try:
                return self._result(started, attributes, make)
            except MetaflowNotFound:  # a task is recorded when its process has started
                if ended:
                    raise
            await _pause()

    def _result(self, started, attributes, make):
        try:
            with open(attributes, encoding="utf-8") as file:
                about = json.load(file)
        except FileNotFoundError:
            raise RuntimeError(
                "The process ended with code %s before there was a %s: %s\nstdout:\n%s\nstderr:\n%s"
                % (
                    started.returncode,
                    "task" if make is ExecutingTask else "run",
                    " ".join(started.command),
                    started.text("stdout"),
                    started.text("stderr"),
                )
            ) from None
        return make(self, started, _object(about, make is ExecutingTask))


def _object(about, task):
    """The client object of a run or a task, whatever namespace it is in, in the store that it was made in."""
    from .client import Run, Task
    from .client.connection import store_named

    parts = [about["flow_name"], about["run_id"]]
    if task:
        parts += [about["step_name"], about["task_id"]]
    found = (Task if task else Run)._of(store_named(about["metadata"]), None, False, parts, None)
    found._load()
    return found
