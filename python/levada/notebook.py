"""``NBRunner`` and ``NBDeployer``: run the flow that a notebook's cell defines.

A flow runs in processes of its own, which have to import it from a file. So the cell becomes a file: what defines
the flow is kept, what runs it is left out. For the same reason ``%run`` of a flow's file does not run it in the
notebook's process.
"""

import ast
import os
import sys

from .deployer import Deployer
from .exceptions import MetaflowException
from .flowfile import sdk_environment
from .runner import Command, Runner
from .standard import TYPE_CHECKING, library

if TYPE_CHECKING:
    from typing import Any, Union

    from .client import Run
    from .runner import ExecutingRun, ExecutingTask

_NAMES = ("NBRunner", "NBDeployer")

#: Magics of cells whose text is not run in the notebook.
_ELSEWHERE = frozenset(["file", "pypy", "python", "python2", "python3", "script", "writefile"])


class NBRunnerInitializationError(MetaflowException):
    """NBRunner was used where there is no IPython."""

    headline = "Custom error in NBRunner initialization"


class NBDeployerInitializationError(MetaflowException):
    """NBDeployer was used where there is no IPython."""

    headline = "Custom error in NBDeployer initialization"


def flow_source(cell, name):
    """The source of a flow's file, made of the cell that defines the class ``name``.

    Left out is what has to do with NBRunner and NBDeployer or with what they return, what waits, what IPython alone
    understands, and calls of the flow. Everything else stays on its line: tracebacks have the lines of the cell.
    """
    foreign = {"get_ipython", *_NAMES}
    replaced = []
    for statement in ast.parse(cell).body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            ours = [alias for alias in statement.names if alias.name.rsplit(".", 1)[-1] in _NAMES]
            foreign.update(alias.asname for alias in ours if alias.asname)
            statement.names = [alias for alias in statement.names if alias not in ours]
            if ours:
                replaced.append((statement, ast.unparse(statement) if statement.names else "pass"))
            continue
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        nodes = list(ast.walk(statement))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        names |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr in _NAMES}
        waits = any(isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)) for node in nodes)
        starts = isinstance(statement, (ast.Expr, ast.If)) and name in names
        if waits or starts or names & foreign:
            foreign.update(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
            replaced.append((statement, "pass"))
    lines = cell.encode().splitlines(keepends=True)  # in bytes, as the positions are
    for statement, text in reversed(replaced):
        _replace(lines, statement, text.encode())
    return '%s\n\n\nif __name__ == "__main__":\n    %s()\n' % (b"".join(lines).decode().rstrip(), name)


def _replace(lines, statement, text):
    """Put ``text`` in the place of a statement. What follows stays on its line."""
    first, last = statement.lineno - 1, statement.end_lineno - 1
    before, after = lines[first][: statement.col_offset], lines[last][statement.end_col_offset :]
    lines[first : last + 1] = [before + text + after + b"\n" * (last - first)]


def on_the_lines_of(cell, source):
    """The Python ``source`` that IPython has made of a cell, on the cell's lines: it joins those of a magic."""
    lines, made = cell.rstrip().split("\n"), source.rstrip().split("\n")
    if len(made) >= len(lines):
        return source
    with library():
        from difflib import SequenceMatcher

    moved = []
    matcher = SequenceMatcher(None, [line.strip() for line in lines], [line.strip() for line in made], autojunk=False)
    for _, first, end, made_first, made_end in matcher.get_opcodes():
        moved += made[made_first:made_end] + [""] * (end - first - (made_end - made_first))
    return "\n".join(moved) + "\n"


def names_of_other_cells(source, cell, known):
    """Those of the names ``known`` that a flow's file reads, and that neither it nor its cell defines."""
    nodes = [*ast.walk(ast.parse(source)), *ast.walk(ast.parse(cell))]
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in nodes):
        return []  # which names it brings is not to be seen
    with library():
        from symtable import symtable

    read = set()
    defined = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    tables = [symtable(source, "cell", "exec")]
    for table in tables:
        tables += table.get_children()
        for symbol in table.get_symbols():
            if table.get_type() != "module" and not symbol.is_global():
                continue
            read.update([symbol.get_name()] if symbol.is_referenced() else [])
            defined.update([symbol.get_name()] if symbol.is_assigned() or symbol.is_imported() else [])
    return sorted((read - defined) & set(known))


def without_magics(cell):
    """A cell with empty lines for the magics that it begins with, like ``%%time``; "" if it is not run here."""
    lines = cell.split("\n")
    for number, line in enumerate(lines):
        magic = line.strip()
        if magic.startswith("%%"):
            if magic[2:].split(" ")[0] in _ELSEWHERE:
                return ""
            lines[number] = ""
        elif magic:
            break
    return "\n".join(lines)


def _cell_of(flow, failure):
    """The newest cell that defines the class, as plain Python, and the names that the user has given to something."""
    try:
        from IPython import get_ipython
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        raise failure("%s works in notebooks: it needs IPython, which is not installed." % failure.of) from None
    shell = get_ipython()
    if shell is None:
        raise ValueError(
            "%s reads the cell that defines the flow, and this is no notebook of IPython's. Write the flow to a file, "
            "and use %s." % (failure.of, failure.of[2:])
        )
    if flow.__module__ != "__main__":
        file = getattr(sys.modules.get(flow.__module__), "__file__", None) or "its file"
        raise ModuleNotFoundError(
            "The class %s is in the module %s, not in a cell. Use %s with %s."
            % (flow.__name__, flow.__module__, failure.of[2:], file)
        )
    transform = TransformerManager().transform_cell
    for cell in reversed(shell.history_manager.input_hist_raw):
        if flow.__name__ not in cell:
            continue
        cell = without_magics(cell)
        code = cell.lstrip("\n")  # IPython would drop empty lines at the beginning
        source = "\n" * (len(cell) - len(code)) + on_the_lines_of(code, transform(code))
        try:
            body = ast.parse(source).body
        except SyntaxError:
            continue
        if any(isinstance(statement, ast.ClassDef) and statement.name == flow.__name__ for statement in body):
            return source, {name for name in shell.user_ns if name[0] != "_"} - set(shell.user_ns_hidden)
    raise ModuleNotFoundError(
        "No cell defines the class %s. Define the flow, with its imports, in one cell, outside of any function or if."
        % flow.__name__
    )


NBRunnerInitializationError.of = "NBRunner"
NBDeployerInitializationError.of = "NBDeployer"


def run_in_session(flow, file, module):
    """What ``MyFlow()`` does in a session. IPython's ``%run flow.py run`` runs that command, beside the session.

    ``file`` and ``module`` are what was given to ``%run``. Elsewhere there is no command line to be followed.
    """
    if file is None or "marimo" in sys.modules:
        raise MetaflowException(
            "%s() follows the command line of a flow's file, which a notebook does not have. Run the flow of a cell "
            "with NBRunner(%s).nbrun(), and that of a file with Runner." % (type(flow).__name__, type(flow).__name__)
        )
    with library():
        from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="levada-runner-") as folder:
        line = [sys.executable, *(["-m", module] if module else [file]), *sys.argv[1:]]
        command = Command(line, sdk_environment(), os.getcwd(), folder)
        command.run(show=True)
    sys.exit(command.returncode)


class _CellFile:
    """The file that a cell has become. It is there from its use until a cleanup, and again after that if need be."""

    def __init__(self, flow, base_dir, failure):
        with library():
            from tempfile import NamedTemporaryFile
            from warnings import warn

        cell, known = _cell_of(flow, failure)
        self._source = flow_source(cell, flow.__name__)
        missing = names_of_other_cells(self._source, cell, known)
        if missing:
            warn(
                "%s uses what other cells define: %s. It runs in processes of its own, which see nothing but its cell. "
                "Define all it needs there, or pass values as parameters." % (flow.__name__, ", ".join(missing)),
                stacklevel=3,
            )
        with NamedTemporaryFile(
            "w", prefix=flow.__name__, suffix=".py", dir=base_dir or os.getcwd(), delete=False, encoding="utf-8"
        ) as file:
            file.write(self._source)
        self.path = file.name

    def restore(self):
        if not os.path.exists(self.path):
            with open(self.path, "w", encoding="utf-8") as file:
                file.write(self._source)

    def remove(self):
        try:
            os.remove(self.path)
        except FileNotFoundError:
            pass


def _environment(flow, more):
    """Variables of the commands: advice is given for the notebook, since the file will be gone."""
    return {"JPY_PARENT_PID": "", "LEVADA_NOTEBOOK_FLOW": flow.__name__, **(more or {})}


class NBRunner:
    """Runs the flow that a cell of this notebook defines.

    ``flow`` is the class. The cell that defines it, with all its imports, becomes a file in ``base_dir``, the current
    folder if it is not given; ``cleanup`` removes it, and another run makes it anew. The other arguments are those of
    ``Runner``.
    """

    def __init__(
        self, flow, show_output=True, profile=None, env=None, base_dir=None, file_read_timeout=3600, **kwargs
    ) -> None:
        self._file = _CellFile(flow, base_dir, NBRunnerInitializationError)
        try:
            self._runner = Runner(
                self._file.path,
                show_output=show_output,
                profile=profile,
                env=_environment(flow, env),
                cwd=base_dir,
                file_read_timeout=file_read_timeout,
                **kwargs,
            )
        except BaseException:
            self._file.remove()
            raise
        with library():
            import atexit

        atexit.register(self._leave)

    def _leave(self):
        """At the end of the session, clean up what nobody did, unless a run goes on: it may need its file."""
        if all(command.returncode is not None for command in self._runner._commands):
            self.cleanup()

    @property
    def runner(self) -> "Runner":
        """The Runner of the flow's file."""
        self._file.restore()
        return self._runner

    def nbrun(self, **kwargs) -> "Union[Run, Any]":
        """Run the flow, wait for its end, clean up, and return the ``metaflow.Run``."""
        return self._once(self.runner.run, kwargs)

    def nbresume(self, **kwargs) -> "Union[Run, Any]":
        """Resume a run, wait for its end, clean up, and return the new ``metaflow.Run``."""
        return self._once(self.runner.resume, kwargs)

    def _once(self, call, kwargs):
        try:
            return call(**kwargs).run
        finally:
            self.cleanup()

    def run(self, **kwargs) -> "ExecutingRun":
        """See ``Runner.run``."""
        return self.runner.run(**kwargs)

    def resume(self, **kwargs) -> "ExecutingRun":
        """See ``Runner.resume``."""
        return self.runner.resume(**kwargs)

    def spin(self, pathspec, **kwargs) -> "ExecutingTask":
        """See ``Runner.spin``."""
        return self.runner.spin(pathspec, **kwargs)

    async def async_run(self, **kwargs) -> "ExecutingRun":
        """See ``Runner.async_run``."""
        return await self.runner.async_run(**kwargs)

    async def async_resume(self, **kwargs) -> "ExecutingRun":
        """See ``Runner.async_resume``."""
        return await self.runner.async_resume(**kwargs)

    def cleanup(self) -> None:
        """Remove the log files and the file of the flow."""
        self._runner.cleanup()
        self._file.remove()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._runner.__exit__(kind, error, trace)
        self._file.remove()


class NBDeployer:
    """Deploys the flow that a cell of this notebook defines. See ``NBRunner`` and ``Deployer``."""

    def __init__(
        self, flow, show_output=True, profile=None, env=None, base_dir=None, file_read_timeout=3600, **kwargs
    ) -> None:
        self._file = _CellFile(flow, base_dir, NBDeployerInitializationError)
        self.deployer = Deployer(
            self._file.path,
            show_output=show_output,
            profile=profile,
            env=_environment(flow, env),
            cwd=base_dir,
            file_read_timeout=file_read_timeout,
            **kwargs,
        )

    def __getattr__(self, name):
        return getattr(self.__dict__["deployer"], name)

    def cleanup(self) -> None:
        """Remove the file of the flow."""
        self._file.remove()
