"""The inputs of a join: read-only views of the tasks that lead to it, fetched as they are read."""

from .artifacts import unpack
from .elements import element
from .exceptions import (
    MetaflowException,
    MissingInMergeArtifactsException,
    UnhandledInMergeArtifactsException,
)

_PAGE = 500
#: Joins of up to this many inputs keep the views they made, so that ``inputs.a`` is always the same object.
_KEEP = 64
#: Characters of an element in a title.
_TITLE_CHARS = 20


def title(flow, step, indices, item):
    """A task for people: ``<flow F step s[0,1] (input: VALUE)>``. ``item`` gets the innermost element."""
    text = "<flow %s step %s" % (type(flow).__name__, step)
    if indices:
        text += "[%s]" % ",".join(map(str, indices))
        try:
            value = item()
            value = None if value is None else str(value)
        except Exception:
            value = None  # it cannot be read or shown: the task is told by its place alone
        if value is not None:
            text += " (input: %s)" % (value if len(value) <= _TITLE_CHARS else value[:_TITLE_CHARS] + "...")
    return text + ">"


class Inputs:
    """What a join step gets: the tasks to join, by position, by iteration or by the name of their step."""

    def __init__(self, task):
        self._task = task
        self._count = task.frame["join"]["count"]
        self._steps = task.frame["join"].get("steps")
        self._pages = {}  # name of an artifact, None for the element -> (first position, values)
        self._infos = (0, [])
        self._kept = {}
        self._view = None

    def __len__(self):
        return self._count

    def __iter__(self):
        for position in range(self._count):
            yield self._at(position)

    def __getitem__(self, key):
        if isinstance(key, slice):
            return [self._at(position) for position in range(*key.indices(self._count))]
        position = key.__index__()
        if position < 0:
            position += self._count
        if not 0 <= position < self._count:
            raise IndexError("inputs has %d elements, there is none at %d" % (self._count, key))
        return self._at(position)

    def __getattr__(self, name):
        if name[:1] != "_":
            if self._steps is not None:
                positions = self._steps.get(name)
                if positions:
                    return self._at(positions[-1])
            else:
                for position in range(self._count - 1, -1, -1):
                    if self._info(position, backwards=True)["step"] == name:
                        return self._at(position)
        raise AttributeError("inputs has no step '%s'" % name)

    def _at(self, position):
        view = self._kept.get(position)
        if view is None:
            if self._view is None:
                flow_class = type(self._task.flow)
                self._view = type(flow_class.__name__, (_View, flow_class), {"__module__": flow_class.__module__})
            view = self._view.__new__(self._view)
            object.__setattr__(view, "_levada", InputTask(self, position))
            if self._count <= _KEEP:
                self._kept[position] = view
        return view

    @property
    def _is_static(self):
        """Whether these are the branches of a split, not the siblings of a foreach."""
        return self._steps is not None

    # What views ask for. Any name without an underscore in front may be that of a step.

    def _artifact(self, position, name, decode=None):
        """The artifact ``name`` of one input; found is False if it has none."""
        return self._value(position, name, {"type": "get_inputs", "name": name}, decode)

    def _item(self, position):
        """The element that one input worked on; found is False if that is to be looked up in the input's own list."""
        return self._value(position, None, {"type": "get_input_items"})

    def _value(self, position, name, request, decode=None):
        """What the host answers a request with for one input. One request serves many inputs."""
        first, page = self._pages.get(name, (0, ()))
        if not first <= position < first + len(page):
            request["from"], request["count"] = position, min(_PAGE, self._count - position)
            reply, body = self._task.channel.ask(request)
            page, start, view = [], 0, memoryview(body)
            for described in reply.get("values") or ():
                length = described.get("length", 0)
                page.append((described, view[start : start + length]))
                start += length
            first = position
            self._pages[name] = (first, page)
        title = "input" if name is None else name
        if not page:
            raise MetaflowException("The host sent no value of '%s' for the input %d." % (title, position))
        described, data = page[position - first]
        if not described["found"]:
            return False, None
        return True, unpack(title, described, data, decode)

    def _where(self, position):
        """Step, task, index and pathspec of one input."""
        return self._info(position)

    def _info(self, position, backwards=False):
        first, page = self._infos
        if not first <= position < first + len(page):
            first = max(0, position - _PAGE + 1) if backwards else position
            reply, _ = self._task.channel.ask(
                {"type": "input_info", "from": first, "count": min(_PAGE, self._count - first)}
            )
            page = reply.get("inputs") or ()
            self._infos = (first, page)
        return page[position - first]


class InputTask:
    """What ``flow._levada`` is for one input of a join."""

    __slots__ = ("inputs", "position", "_shared")
    plan = None  # it has run

    def __init__(self, inputs, position):
        self.inputs = inputs
        self.position = position
        self._shared = {}

    def load(self, flow, name):
        """An artifact of the input; it becomes an attribute of the view."""
        found, value = self.inputs._artifact(self.position, name)
        if not found:
            raise AttributeError("The input %s of flow %s has no attribute '%s'" % (
                self.inputs._where(self.position)["step"], type(flow).__name__, name))  # fmt: skip
        flow.__dict__[name] = value
        return value

    def parameter(self, attribute, parameter):
        """The value of a parameter: the same for all tasks of a run."""
        task = self.inputs._task
        return task.parameter(attribute, parameter)

    def names(self):
        """The names of the input's artifacts."""
        return self.inputs._task.channel.ask({"type": "input_names", "index": self.position})[0].get("names") or []

    def index(self):
        """The input's index in its foreach, or None."""
        if self.inputs._is_static:
            return self.inputs._task.index()  # branches of a split are in the same foreach as their join
        return self.inputs._where(self.position).get("index")

    def item(self, level=-1):
        """The element of its foreach that the input worked on, or None."""
        task = self.inputs._task
        index = self.index()
        if index is None or self.inputs._is_static:
            return task.item()
        for described in task.graph()["steps"].values():
            if described.get("matching_join") == task.plan.name:
                if described.get("type") == "split-parallel":
                    return index
                found, value = self.inputs._item(self.position)
                if found:
                    return value
                var = described.get("foreach_artifact")
                found, items = self.inputs._artifact(self.position, var) if var else (False, None)
                if found:
                    try:
                        return element(items, index)
                    except (IndexError, TypeError):
                        return None  # the step has made it something else
        return None

    def foreach_stack(self):
        """The frames of the join, and the input's own."""
        task = self.inputs._task
        outer = task.foreach_stack()
        index = self.index()
        return outer if index is None or self.inputs._is_static else [*outer, (index, len(self.inputs), self.item())]

    def title(self):
        """The input for people, in the form of a task's title."""
        index = self.index()
        indices = [frame["index"] for frame in self.inputs._task.stack]
        if index is not None and not self.inputs._is_static:
            indices.append(index)
        return title(self.inputs._task.flow, self.inputs._where(self.position)["step"], indices, self.item)


class _View:
    """Makes a flow read-only: the class of an input derives from this and the flow's class."""

    __slots__ = ()

    @property
    def _current_step(self):
        return self._levada.inputs._where(self._levada.position)["step"]

    @property
    def _graph(self):
        return self._levada.inputs._task.flow._graph

    def __setattr__(self, name, value):
        raise AttributeError(
            "The inputs of a join are read-only: '%s' cannot be set. Set self.%s instead." % (name, name)
        )

    def next(self, *dsts, **kwargs):
        """Inputs have ended; only the join itself says what follows."""
        raise MetaflowException("Call self.next() on self, not on an input of the join.")

    def merge_artifacts(self, inputs, exclude=None, include=None):
        """Inputs have ended; only the join itself merges."""
        raise MetaflowException("Call merge_artifacts on self, not on an input of the join.")


def _positions(inputs, step):
    """The positions of the inputs to merge; None if it is all of them, as the step got them."""
    if isinstance(inputs, Inputs):
        return None
    inputs = list(inputs)
    if not all(isinstance(one, _View) for one in inputs):
        raise MetaflowException("merge_artifacts in step '%s' takes the inputs of the join, or some of them." % step)
    return [one._levada.position for one in inputs]


def _names(given):
    """A list of names; one name may be given as it is."""
    return [given] if isinstance(given, str) else list(given)


def merge_artifacts(flow, task, inputs, exclude, include):
    """Have the host merge what all inputs agree about. See FlowSpec.merge_artifacts."""
    step = task.plan.name
    if not task.frame.get("join"):
        raise MetaflowException(
            "merge_artifacts can be called only in a join step, with its inputs. Step '%s' is not a join." % step
        )
    if include and exclude:
        raise MetaflowException("merge_artifacts in step '%s': give include or exclude, not both." % step)
    positions = _positions(inputs, step)
    reply, _ = task.channel.ask(
        {
            "type": "merge",
            **({} if positions is None else {"inputs": positions}),
            "include": _names(include) if include else None,
            "exclude": _names(exclude),
            "own": [name for name in flow.__dict__ if name not in task.loaded],
        }
    )
    conflicts, missing = reply.get("conflicts") or [], reply.get("missing") or []
    if conflicts:
        raise UnhandledInMergeArtifactsException(
            "Step '%s' cannot merge the following artifacts, because its inputs have different values of them:\n"
            "[%s]\nSet them on self before merge_artifacts, or name them in exclude." % (step, ", ".join(conflicts)),
            conflicts,
        )
    if missing:
        raise MissingInMergeArtifactsException(
            "Step '%s' cannot merge the following artifacts, because no input has them:\n[%s]"
            % (step, ", ".join(missing)),
            missing,
        )
