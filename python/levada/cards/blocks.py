"""The plain components that a card class of one's own composes its page of.

They describe what they are given, and check nothing. What steps append to their cards is in ``components``.
"""

from .component import MetaflowCardComponent, rendered, trouble


def read_file(path):
    """The text of a file: a template, a script or a style next to the card's class."""
    with open(path, encoding="utf-8") as file:
        return file.read()


class DefaultComponent(MetaflowCardComponent):
    """Base of the others: ``type`` says how it is shown, ``_fields`` what."""

    type = None

    def __init__(self, title=None, subtitle=None) -> None:
        self._title, self._subtitle = title, subtitle

    def _fields(self):
        return {}

    def render(self):
        """The component as a dict."""
        named = (("title", self._title), ("subtitle", self._subtitle), ("id", self._component_id))
        return {"type": self.type, **{k: v for k, v in named if v is not None}, **self._fields()}


class _Text(DefaultComponent):
    def __init__(self, text=None) -> None:
        super().__init__()
        self._text = text


class TitleComponent(_Text):
    """A heading."""

    type = "title"

    def _fields(self):
        return {"text": str(self._text)}


class SubTitleComponent(TitleComponent):
    """A line below a heading."""

    type = "subtitle"


class TextComponent(_Text):
    """A paragraph."""

    type = "text"

    def _fields(self):
        return {"text": self._text}


class MarkdownComponent(_Text):
    """A text in Markdown."""

    type = "markdown"

    def _fields(self):
        text = self._text
        # As the Markdown that steps append: Metaflow's pages want a line before what is no heading.
        return {"source": text if text is None or text.startswith("#") else "\n" + text}


class SectionComponent(DefaultComponent):
    """Components together, in columns if there are any. What is neither a component, a dict nor a text is left out."""

    type = "section"

    def __init__(self, title=None, subtitle=None, columns=None, contents=()) -> None:
        super().__init__(title, subtitle)
        self._columns, self._contents = columns, contents

    def _fields(self):
        parts = (rendered(part) if isinstance(part, MetaflowCardComponent) else part for part in self._contents)
        fields = {"contents": [part for part in parts if isinstance(part, (str, dict))]}
        return fields if self._columns is None else {**fields, "columns": self._columns}


class ImageComponent(DefaultComponent):
    """A picture: ``src`` is a data URL."""

    type = "image"

    def __init__(self, src=None, label=None, title=None, subtitle=None) -> None:
        super().__init__(title, subtitle)
        self._src, self._label = src, label

    def _fields(self):
        return {"src": self._src, "label": self._label}


class TableComponent(DefaultComponent):
    """A table: ``data`` is a list of lists. Anything else is an empty table."""

    type = "table"

    def __init__(self, title=None, subtitle=None, headers=(), data=((),), vertical=False) -> None:
        super().__init__(title, subtitle)
        self._headers = headers if isinstance(headers, list) else []
        self._data = data if isinstance(data, list) and data and isinstance(data[0], list) else [[]]
        self._vertical = vertical

    def _fields(self):
        return {"columns": self._headers, "data": self._data, "vertical": self._vertical}


class _Data(DefaultComponent):
    def __init__(self, data=None) -> None:
        super().__init__()
        self._data = data

    def _fields(self):
        return {"data": self._data}


class LogComponent(_Data):
    """A text as a terminal shows it."""

    type = "log"


class PythonCodeComponent(_Data):
    """Code in Python."""

    type = "pythonCode"


class _TitledData(_Data):
    def __init__(self, title=None, subtitle=None, data=None) -> None:
        super().__init__({} if data is None else data)
        self._title, self._subtitle = title, subtitle


class ArtifactsComponent(_TitledData):
    """Values by name: a list of dicts with ``name``, ``type`` and ``data``."""

    type = "artifacts"


class DagComponent(_TitledData):
    """A drawing of steps: a dict, by their names, of dicts with ``type`` and ``next``."""

    type = "dag"


class ErrorComponent(MetaflowCardComponent):
    """Says what is wrong, in the place of what should be there."""

    def __init__(self, headline, error_message) -> None:
        self._headline, self._message = headline, error_message

    def render(self):
        """The message as a ``log``."""
        return trouble("%s\n\n%s" % (self._headline, self._message))
