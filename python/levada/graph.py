"""The steps of a flow, read from its source.

The transitions of a flow are known before it runs because each step ends with a literal ``self.next(...)``. The
file is parsed once, by ``compile``; the tree is walked by the names of its nodes, so that the ``ast`` module need
not be imported. Nothing is checked here: what is wrong is recorded, and the host says so.
"""

import sys

from .standard import library

_FunctionType = type(lambda: None)
_ONLY_AST = 0x400  # ast.PyCF_ONLY_AST
#: Fields of statements that hold other statements.
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def kind_of(node):
    """The name of a node's class."""
    return type(node).__name__


class Source:
    """The functions and classes of one source file."""

    def __init__(self, filename):
        self.functions = {}  # first line, decorators included -> node
        self.classes = {}
        tree = compile(_read(filename), filename, "exec", _ONLY_AST, True)
        blocks = [tree.body]
        while blocks:
            for node in blocks.pop():
                kind = kind_of(node)
                if kind in ("FunctionDef", "AsyncFunctionDef"):
                    first = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
                    self.functions[first] = node
                elif kind == "ClassDef":
                    self.classes[node.name] = node
                for name in BLOCKS:
                    block = getattr(node, name, None)
                    if type(block) is list:
                        blocks.append(block)


def _read(filename):
    try:
        with open(filename, "rb") as file:
            return file.read()
    except OSError:
        # Code of notebooks and of exec lives in linecache, if anywhere.
        with library():
            import linecache

        lines = linecache.getlines(filename)
        if not lines:
            raise
        return "".join(lines)


class Sources:
    """Source files by name, each parsed when it is first needed."""

    def __init__(self):
        self._files = {}

    def of(self, filename):
        """The parsed file, or None if it cannot be read."""
        if filename not in self._files:
            try:
                self._files[filename] = Source(filename)
            except (OSError, SyntaxError, ValueError):
                self._files[filename] = None
        return self._files[filename]

    def read(self, filename):
        """The parsed file if it has been needed before, else None."""
        return self._files.get(filename)


def steps_of(flow_class):
    """The step functions of a flow by name: inherited first, each class in source order."""
    steps = {}
    for cls in reversed(flow_class.__mro__):
        for name, value in cls.__dict__.items():
            if isinstance(value, _FunctionType) and getattr(value, "is_step", False):
                steps[name] = value
            elif name in steps:
                del steps[name]  # overridden by something that is no step
    return steps


def plain(function):
    """The function that a wrapper made with functools.wraps stands for."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def clean_doc(doc):
    """A docstring without the indentation of the code around it."""
    if not doc:
        return ""
    lines = doc.expandtabs().split("\n")
    indents = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    indent = min(indents) if indents else 0
    return "\n".join([lines[0].lstrip()] + [line[indent:].rstrip() for line in lines[1:]]).strip("\n").rstrip()


def describe_step(name, function, sources, flow_file, flow_class=None):
    """One step as the definition has it, without its decorators' attributes."""
    code = plain(function).__code__
    described = {"name": name, "line": code.co_firstlineno, "args": code.co_argcount}
    doc = clean_doc(function.__doc__)
    if doc:
        described["doc"] = doc
    if code.co_filename != flow_file:
        described["file"] = code.co_filename
    if function.is_start:
        described["start"] = True
    if function.is_end:
        described["end"] = True
    source = sources.of(code.co_filename)
    node = source.functions.get(code.co_firstlineno) if source else None
    if node is None:
        if not (function.is_start and function.is_end):
            from .exceptions import MetaflowException

            raise MetaflowException(
                "The source of the step '%s' cannot be read (%s, line %d). The steps of a flow must be in a file."
                % (name, code.co_filename, code.co_firstlineno)
            )
        return described, None
    described["line"] = node.lineno
    own = own_name(node)
    last = node.body[-1]
    if _is_next(last, own):

        def text_of(node):
            return _text(node, own, plain(function), flow_class)

        described["next"] = _transition(last.value, own, text_of)
    elif _is_next(last, own, ("Return",)):
        described["returned_next"] = last.lineno
    early = early_nexts(node)
    if early:
        described["early_next"] = early[0].lineno
    return described, node


def own_name(function):
    """What a method calls the object that it is of: self."""
    return function.args.args[0].arg if function.args.args else "self"


def _is_next(statement, own, kinds=("Expr",)):
    if kind_of(statement) not in kinds or kind_of(statement.value) != "Call":
        return False
    function = statement.value.func
    return kind_of(function) == "Attribute" and function.attr == "next" and _is_name(function.value, own)


def _is_name(node, name):
    return kind_of(node) == "Name" and node.id == name


def early_nexts(function):
    """The calls of self.next that are not the last statement of a function, in source order."""
    last = function.body[-1]
    return [call for statement, call in nexts(function) if statement is not last or kind_of(statement) == "Return"]


def nexts(function):
    """The statements of a function that call self.next, or return such a call, in source order: each with its call."""
    own = own_name(function)
    found = []
    blocks = [function.body]
    while blocks:
        for node in blocks.pop():
            if kind_of(node) in ("FunctionDef", "AsyncFunctionDef", "ClassDef"):
                continue
            if _is_next(node, own, ("Expr", "Return")):
                found.append((node, node.value))
            for name in BLOCKS:
                block = getattr(node, name, None)
                if type(block) is list:
                    blocks.append(block)
    return sorted(found, key=lambda pair: (pair[1].lineno, pair[1].col_offset))


def targets_of(call, own):
    """The steps that a call of self.next names, whatever is wrong with the rest of it."""
    targets = []
    for arg in call.args:
        targets += arg.values if kind_of(arg) == "Dict" else [arg]
    return [one.attr for one in targets if kind_of(one) == "Attribute" and _is_name(one.value, own)]


def methods_of(flow_class):
    """The functions of a flow's own classes that are no steps, by name, each with its class."""
    methods = {}
    for cls in reversed(flow_class.__mro__):
        if cls is object or cls.__module__.partition(".")[0] == __spec__.parent:
            continue
        for name, value in cls.__dict__.items():
            methods.pop(name, None)
            if isinstance(value, _FunctionType) and not getattr(value, "is_step", False):
                methods[name] = value, cls
    return methods


def _transition(call, own, text_of):
    """The transition that a call of self.next stands for. ``text_of`` gives the text that an expression stands for."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}

    def bad(problem):
        return {"kind": "bad", "problem": problem, "line": call.lineno}

    if None in keywords or any(kind_of(arg) == "Starred" for arg in call.args):
        return bad("arguments with * or ** cannot be read from the source")
    unknown = sorted(set(keywords) - {"foreach", "num_parallel", "condition"})
    if unknown:
        return bad("unknown keyword '%s'" % unknown[0])
    if len(keywords) > 1:
        return bad("the keywords %s cannot be used together" % " and ".join("'%s'" % name for name in keywords))
    if not call.args:
        return bad("no step is named")
    if "condition" in keywords:
        return _switch(call, text_of(keywords["condition"]), own, bad)
    targets = []
    for position, arg in enumerate(call.args, 1):
        if kind_of(arg) == "Dict":
            return bad("a dict of cases needs condition='variable'")
        if kind_of(arg) != "Attribute" or not _is_name(arg.value, own):
            return bad("argument %d is not of the form %s.step" % (position, own))
        targets.append(arg.attr)
    described = {"kind": "linear", "targets": targets, "line": call.lineno}
    if "foreach" in keywords:
        variable = text_of(keywords["foreach"])
        if variable is None:
            return bad("foreach must be the name of an attribute, in quotes or known before the run")
        if len(targets) != 1:
            return bad("foreach goes to exactly one step")
        described.update(kind="foreach", foreach=variable)
    elif "num_parallel" in keywords:
        if len(targets) != 1:
            return bad("num_parallel goes to exactly one step")
        described["kind"] = "parallel"
    elif len(targets) > 1:
        described["kind"] = "split"
    return described


def _switch(call, variable, own, bad):
    if variable is None:
        return bad("condition must be the name of an attribute, in quotes or known before the run")
    if len(call.args) != 1 or kind_of(call.args[0]) != "Dict":
        return bad("condition needs one dict of cases: {value: %s.step, ...}" % own)
    cases = []
    for key, value in zip(call.args[0].keys, call.args[0].values):
        text = _case_key(key, own)
        if text is None:
            return bad("a key of the cases is neither a constant nor of the form %s.config.key" % own)
        if kind_of(value) != "Attribute" or not _is_name(value.value, own):
            return bad("the target of the case %s is not of the form %s.step" % (text, own))
        cases.append({"key": text, "target": value.attr})
    return {
        "kind": "switch",
        "targets": [case["target"] for case in cases],
        "condition": variable,
        "cases": cases,
        "line": call.lineno,
    }


#: Of what expressions that are worked out before the run are made: nothing that does anything.
_PLAIN = frozenset((
    "Constant", "Name", "Load", "Attribute", "Subscript", "IfExp", "Compare", "BoolOp", "BinOp", "UnaryOp",
    "JoinedStr", "FormattedValue", "Eq", "NotEq", "Is", "IsNot", "In", "NotIn", "And", "Or", "Not", "Add", "Mod",
))  # fmt: skip


def _text(node, own, function, flow_class):
    """The text that an expression stands for: a constant, or what is known before the run, as a config is."""
    if kind_of(node) == "Constant":
        return node.value if isinstance(node.value, str) else None
    parts = [node]
    for part in parts:
        if kind_of(part) not in _PLAIN:
            return None
        for name in part._fields:
            value = getattr(part, name, None)
            parts += [one for one in (value if type(value) is list else [value]) if hasattr(one, "_fields")]
    from _ast import Expression

    names = {}
    try:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            names[name] = cell.cell_contents
        if flow_class is not None:
            names[own] = object.__new__(flow_class)
            names[own]._levada = None
        value = eval(compile(Expression(node), "<self.next>", "eval"), function.__globals__, names)
    except Exception:
        return None  # a variable of the step, an attribute that is set when it runs
    return value if isinstance(value, str) else None


def _case_key(node, own):
    kind = kind_of(node)
    if kind == "Constant":
        return str(node.value)
    if kind == "UnaryOp" and kind_of(node.op) == "USub" and kind_of(node.operand) == "Constant":
        return "-%s" % (node.operand.value,)
    if kind == "Attribute" and kind_of(node.value) == "Attribute" and _is_name(node.value.value, own):
        return "config:%s.%s" % (node.value.attr, node.attr)
    return None


def decorator_lines(node):
    """The lines of the decorators of a function or class by name, as lists, innermost first."""
    lines = {}
    for decorator in reversed(node.decorator_list if node is not None else ()):
        function = decorator.func if kind_of(decorator) == "Call" else decorator
        name = function.id if kind_of(function) == "Name" else getattr(function, "attr", None)
        lines.setdefault(name, []).append(decorator.lineno)
    return lines


def file_of(cls):
    """The file that a class's code is in: that of one of its functions, or else of its module; None if unknown."""
    for value in cls.__dict__.values():
        code = getattr(plain(value), "__code__", None)
        if code is not None and cls.__qualname__ in getattr(value, "__qualname__", ""):
            return code.co_filename
    return getattr(sys.modules.get(cls.__module__), "__file__", None)


def place_of(cls, attribute):
    """File and line where a class assigns an attribute, or an empty tuple. It reads the file: for messages alone."""
    file = file_of(cls) if cls is not None else None
    source = Sources().of(file) if file else None
    line = assignment_lines(source.classes.get(cls.__name__)).get(attribute) if source else None
    return (file, line) if line else ()


def assignment_lines(node):
    """The lines of the simple assignments in a class body by name."""
    lines = {}
    for statement in node.body if node is not None else ():
        kind = kind_of(statement)
        targets = statement.targets if kind == "Assign" else [statement.target] if kind == "AnnAssign" else ()
        for target in targets:
            if kind_of(target) == "Name":
                lines[target.id] = statement.lineno
    return lines
