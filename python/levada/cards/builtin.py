"""The cards that Levada has: default, blank, error, and two that are data for programs."""

from html import escape

from ..standard import library
from .card import MetaflowCard
from .page import instant_text, page
from .values import describe, duration_text, is_frame, rows_of, size_text

#: Artifacts above this many bytes are named on the default card, not loaded.
MAX_ARTIFACT_SIZE = 200 << 20
#: The default card shows so many artifacts, and so many rows of a data frame.
_MOST_ARTIFACTS, _FRAME_ROWS = 200, 20


class _DocumentCard(MetaflowCard):
    """A card whose page is made of a document."""

    ALLOW_USER_COMPONENTS = True
    RUNTIME_UPDATABLE = True
    RELOAD_POLICY = MetaflowCard.RELOAD_POLICY_ALWAYS  # a page is made in milliseconds, so it is made anew each time

    def __init__(self, options=None, components=(), graph=None, flow=None, **kwargs):
        self.options = options if isinstance(options, dict) else {}
        self.components = components
        self.graph = graph or {}
        self.flow = flow

    def document(self, task):
        """What the page is made of."""
        raise NotImplementedError

    def render(self, task):
        """The page of a task that has ended."""
        return page(self.document(task))

    def render_runtime(self, task, data):
        """The page of a task that runs."""
        return page(dict(self.document(task), live="while it ran, as of %s" % instant_text(task.now)))

    def refresh(self, task, data):
        """The components by id."""
        return data["components"]


class BlankCard(_DocumentCard):
    """The step's components alone. Option: ``title``."""

    type = "blank"

    def document(self, task):
        """The components, below the title if there is one."""
        return {
            "name": "%s %s" % (task.pathspec, self.options.get("title") or ""),
            "title": self.options.get("title") or "",
            "kicker": task.pathspec,
            "components": self.components,
        }


class DefaultCard(_DocumentCard):
    """The step's components, and what is known of the task: its parameters, artifacts, place in the flow, code.

    Options: ``only_repr`` (False shows data frames among the artifacts as tables), ``max_artifact_size`` (bytes; larger
    artifacts are named, not shown).
    """

    type = "default"

    def document(self, task):
        """The sections of the card, those that are empty left out."""
        sections = [
            *self.components,
            self._parameters(task),
            self._artifacts(task),
            self._graph(task),
            self._code(task),
        ]
        return {
            "name": task.pathspec,
            "kicker": "%s / run %s / task %s" % (task.flow_name, task.run_id, task.id),
            "title": task.step_name,
            "facts": _facts(task),
            "components": [section for section in sections if section],
            "footer": "%s · made by Levada %s" % (task.pathspec, task.sdk_version),
        }

    def _parameters(self, task):
        rows = []
        for name in task.parameter_names:
            artifact = task.artifact(name)
            if artifact is not None:
                rows.append(dict(describe(artifact.data), name=name))
        return (
            {"type": "section", "title": "Parameters", "contents": [{"type": "artifacts", "data": rows}]}
            if rows
            else None
        )

    def _artifacts(self, task):
        limit = self.options.get("max_artifact_size", MAX_ARTIFACT_SIZE)
        parameters = set(task.parameter_names)
        names = [name for name in task.names() if name not in parameters and name[0] != "_" and name != "name"]
        entries, shown = [], []
        for name in names[:_MOST_ARTIFACTS]:
            artifact = task.artifact(name)
            if artifact is None:
                continue
            if artifact.size is not None and artifact.size > limit:
                text = "%s, more than the card shows" % size_text(artifact.size)
                entries.append({"name": name, "type": artifact.type or "?", "data": text, "large_object": True})
                continue
            try:
                value = artifact.data
            except Exception as error:
                text = "it could not be loaded: %s" % error
                entries.append({"name": name, "type": artifact.type or "?", "data": text, "large_object": True})
                continue
            entries.append(dict(describe(value), name=name))
            shown += self._picture(name, value)
        if not entries:
            return None
        contents = [{"type": "artifacts", "data": entries}, *shown]
        if len(names) > _MOST_ARTIFACTS:
            contents.append({"type": "text", "text": "and %d more" % (len(names) - _MOST_ARTIFACTS)})
        return {"type": "section", "title": "Artifacts", "contents": contents}

    def _picture(self, name, value):
        """What more than its repr an artifact shows: a data frame is a table, the bytes of a picture a picture."""
        from .components import Image

        if is_frame(value):
            try:
                columns, rows, note = rows_of(value, _FRAME_ROWS, 30)
            except Exception:
                return []
            return [
                {"type": "heading", "title": name},
                {"type": "table", "columns": columns, "data": rows, "caption": note},
            ]
        if isinstance(value, bytes) and (len(value) < 8 << 20):
            image = Image(value, name).render()
            return [image] if image["type"] == "image" else []
        return []

    def _graph(self, task):
        if len(self.graph) < 2:
            return None
        drawing = {"type": "dag", "data": self.graph, "step": task.step_name}
        return {"type": "section", "title": "Flow", "contents": [drawing]}

    def _code(self, task):
        source = task.source()
        if not source:
            return None
        code = {"type": "pythonCode", "data": source}
        return {"type": "section", "title": "Code of the step", "folded": True, "contents": [code]}


def _facts(task):
    """What stands at the top of the default card."""
    facts = [("Run", task.run_id), ("Task", task.id), ("Attempt", task.current_attempt + 1)]
    if task.foreach:
        facts.append(("Foreach", task.foreach))
    facts += [("Started", instant_text(task.started)), ("Took", duration_text(task.now - task.started))]
    if task.user:
        facts.append(("User", task.user))
    if task.tags:
        facts.append(("Tags", ", ".join(sorted(task.tags))))
    if task.exception:
        facts.append(("Ended", "with an exception that @catch took"))
    return facts


class ErrorCard(MetaflowCard):
    """Says why another card could not be made. Options: ``error``, ``headline``, ``card_type``."""

    type = "error"
    RUNTIME_UPDATABLE = True

    def __init__(self, options=None, components=(), graph=None, flow=None, **kwargs):
        self.options = options if isinstance(options, dict) else {}

    def render(self, task, stack_trace=None):
        """The page, with the stack trace if there is one."""
        text = stack_trace or self.options.get("error") or "No stack trace is known."
        of = self.options.get("card_type")
        document = {
            "name": "Card error of %s" % task.pathspec,
            "kicker": task.pathspec,
            "title": self.options.get("headline")
            or ("The card '%s' could not be made" % of if of else "The card could not be made"),
            "components": [{"type": "section", "contents": [{"type": "log", "data": str(text)}]}],
        }
        return page(document)

    def render_runtime(self, task, data):
        """The page while the task runs."""
        return self.render(task)


class TaskSpecCard(MetaflowCard):
    """The pathspec of the task, as text."""

    type = "taskspec_card"

    def render(self, task):
        """The pathspec."""
        return escape(task.pathspec)


class DefaultCardJSON(MetaflowCard):
    """What the default card shows, as JSON, for programs."""

    type = "default_json"
    ALLOW_USER_COMPONENTS = True

    def __init__(self, options=None, components=(), graph=None, flow=None, **kwargs):
        self._card = DefaultCard(options, components, graph, flow)

    def render(self, task):
        """The JSON text."""
        with library():
            from json import dumps

        return dumps(self._card.document(task), default=repr)


#: The cards by type, and the types that users are told of.
CARDS = {cls.type: cls for cls in (DefaultCard, BlankCard, ErrorCard, TaskSpecCard, DefaultCardJSON)}
PUBLIC = ("default", "blank")
