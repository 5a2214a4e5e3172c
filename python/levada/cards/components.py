"""The components of cards: text, tables, pictures, charts, code."""

from base64 import b64encode
from textwrap import dedent

from ..standard import library
from .component import MetaflowCardComponent, UserComponent, rendered, trouble, warn
from .values import describe, is_frame, makes_a_frame, plain_number, rows_of, type_of

#: How much of a data frame a table shows unless it is told not to cut it.
MAX_ROWS, MAX_COLUMNS = 100, 50


class Markdown(UserComponent):
    """Text with headings, lists, tables, code and links, in Markdown. Leading indentation common to all lines is
    cut.
    """

    REALTIME_UPDATABLE = True

    def __init__(self, text=None) -> None:
        self.update(text)

    def update(self, text=None) -> None:
        """Show another text."""
        self._text = None if text is None else dedent(str(text))

    def render(self):
        """The text as a ``markdown``."""
        text = self._text
        return self._described("markdown", source=text if text is None or text.startswith("#") else "\n" + text)


class Artifact(UserComponent):
    """A Python value with its type. ``compressed`` shortens long ones."""

    REALTIME_UPDATABLE = True

    def __init__(self, artifact, name=None, compressed=True) -> None:
        self._value = artifact
        self._name = None if name is None else str(name)
        self._compressed = compressed

    def update(self, artifact) -> None:
        """Show another value."""
        self._value = artifact

    def render(self):
        """The value as an ``artifacts`` of one."""
        return self._described("artifacts", data=[dict(describe(self._value, self._compressed), name=self._name)])


class Table(UserComponent):
    """Rows of cells: numbers, texts, or other components. ``headers`` names the columns."""

    REALTIME_UPDATABLE = True

    def __init__(self, data=None, headers=None, disable_updates=False) -> None:
        self._data, self._headers = [[]], []
        self._caption = None
        if data is not None:
            if _is_rows(data):
                self._data = [list(row) for row in data]
            else:
                warn("Table: data is a list of rows, and each row is a list. The table stays empty.")
        if headers is not None:
            if isinstance(headers, (list, tuple)):
                self._headers = list(headers)
            else:
                warn("Table: headers is a list of texts. The table has none.")

    @classmethod
    def from_dataframe(cls, dataframe=None, truncate=True) -> "Table":
        """A table of a pandas or polars data frame; ``truncate`` shows at most 100 rows and 50 columns."""
        if not is_frame(dataframe):
            method = makes_a_frame(dataframe)
            make = " %s() makes one of it." % method if method else ""
            warn("Table.from_dataframe: a data frame is needed, not %s.%s" % (type_of(dataframe), make))
            return cls()
        headers, rows, note = rows_of(dataframe, *((MAX_ROWS, MAX_COLUMNS) if truncate else (None, None)))
        table = cls(rows, headers)
        table._caption = note
        return table

    def update(self, *args, **kwargs) -> None:
        """Say that it is the cells that are updated, not the table."""
        self._fixed()

    def render(self):
        """The rows as a ``table``; a cell that no card can show is ``<object>``."""
        shown = self._described(
            "table",
            columns=[str(name) for name in self._headers],
            data=[[_cell(value) for value in row] for row in self._data],
            vertical=False,
        )
        if self._caption:
            shown["caption"] = self._caption
        return shown


def _is_rows(data):
    return isinstance(data, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in data)


def _cell(value):
    if isinstance(value, MetaflowCardComponent):
        return rendered(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(map(_cell, value)) if type(value) in (list, tuple) else list(map(_cell, value))
    if isinstance(value, dict):
        return {str(key): _cell(part) for key, part in value.items()}
    number = plain_number(value)
    return "<object>" if number is value else _cell(number)


class Image(UserComponent):
    """A picture: the bytes of a PNG, JPEG, GIF or WebP, a ``data:image/…`` text, or an array of pixels.

    ``label`` is shown below it and read out instead of it. With ``disable_updates=False``, ``update`` changes it.
    """

    def __init__(self, src=None, label=None, disable_updates=True) -> None:
        self._label = None if label is None else str(label)
        self._disabled = disable_updates
        self._problem = None
        self._set(src, _encode)

    @property
    def REALTIME_UPDATABLE(self):  # noqa: N802
        """Whether ``update`` changes the picture."""
        return not self._disabled

    @classmethod
    def from_pil_image(cls, pilimage, label=None, disable_updates=False) -> "Image":
        """The picture of a ``PIL.Image.Image``."""
        image = cls(b"", label, disable_updates)
        image._set(pilimage, _encode_pil)
        return image

    @classmethod
    def from_matplotlib(cls, plot, label=None, disable_updates=False) -> "Image":
        """The picture of a Matplotlib figure, or of the figure that axes are part of."""
        image = cls(b"", label, disable_updates)
        image._set(plot, _encode_plot)
        return image

    def update(self, image, label=None) -> None:
        """Show another picture: anything that an image can be made of."""
        if self._disabled:
            warn("Image: updates are disabled. Make it with disable_updates=False.")
            return
        if label is not None:
            self._label = str(label)
        self._set(image, _encode_any)

    def _set(self, image, encode):
        self._src, self._problem = None, None
        try:
            self._src = encode(image)
        except Exception as error:
            self._problem = "%s" % error

    def render(self):
        """The picture as an ``image``, or a ``log`` that says why there is none."""
        if self._src is None:
            return trouble("[IMAGE_RENDER FAIL]: %s" % self._problem)
        return self._described("image", src=self._src, label=self._label)


_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


def _encode(src):
    if src is None:
        raise ValueError("`Image` Component `src` cannot be `None`")
    if isinstance(src, str):
        if not src.startswith("data:image/"):
            raise ValueError(
                "`src` is the bytes of a picture or a text that starts with data:image/; a card loads nothing from "
                "elsewhere. It is %r" % src[:80]
            )
        return src
    if isinstance(src, (bytes, bytearray, memoryview)):
        data = bytes(src)
        for magic, kind in _MAGIC:
            if data.startswith(magic):
                return _data_url(data, kind)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _data_url(data, "webp")
        raise ValueError("Bytes not parsable as image: they are neither PNG, JPEG, GIF nor WebP")
    if hasattr(src, "shape") and hasattr(src, "tobytes"):
        from .png import encode_array

        return _data_url(encode_array(src), "png")
    return _encode_any(src, last=_unknown)


def _unknown(src):
    raise ValueError(
        "%s is no picture: give bytes, a data:image/ text, an array, a PIL image or a plot" % type(src).__name__
    )


def _encode_any(image, last=_encode):
    if hasattr(image, "savefig") or hasattr(image, "get_figure"):
        return _encode_plot(image)
    if hasattr(image, "save") and hasattr(image, "mode"):
        return _encode_pil(image)
    return last(image)


def _encode_pil(image):
    from io import BytesIO

    if not (hasattr(image, "save") and hasattr(image, "mode")):
        raise ValueError("a PIL.Image.Image is needed, not %s" % type(image).__name__)
    out = BytesIO()
    try:
        image.save(out, format="PNG")
    except OSError:  # a mode that PNG does not have, such as the CMYK of pictures for print
        image.convert("RGB").save(out, format="PNG")
    return _data_url(out.getvalue(), "png")


def _encode_plot(plot):
    from io import BytesIO

    figure = plot
    if not hasattr(plot, "savefig") and hasattr(plot, "get_figure"):
        figure = plot.get_figure()
    if not hasattr(figure, "savefig"):
        raise ValueError("a figure of Matplotlib is needed, not %s" % type(plot).__name__)
    out = BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")
    return _data_url(out.getvalue(), "png")


def _data_url(data, kind):
    return "data:image/%s;base64,%s" % (kind, b64encode(data).decode())


class VegaChart(UserComponent):
    """A chart described in Vega-Lite. It is drawn when the card is made; docs/cards.md lists what can be drawn."""

    REALTIME_UPDATABLE = True

    def __init__(self, spec, show_controls=False) -> None:
        self._spec = spec
        self._controls = show_controls

    @classmethod
    def from_altair_chart(cls, altair_chart) -> "VegaChart":
        """The chart that an Altair chart describes. ValueError for what is none."""
        return cls(_altair(altair_chart))

    def update(self, spec=None) -> None:
        """Show another chart: a dict or an Altair chart."""
        if spec is not None:
            self._spec = spec if isinstance(spec, dict) else _altair(spec)

    def render(self):
        """The chart as a ``vegaChart``."""
        spec = dict(self._spec)
        spec.setdefault("width", "container")
        shown = self._described("vegaChart", spec=spec)
        if not self._controls:
            shown["options"] = {"actions": False}
        return shown


def _altair(chart):
    if type(chart).__module__.split(".")[0] != "altair" or not hasattr(chart, "to_dict"):
        raise ValueError("an Altair chart is needed, not %s" % type(chart).__name__)
    return chart.to_dict()


class ProgressBar(UserComponent):
    """How much of something is done: ``value`` of ``max``, in ``unit``. ``metadata`` is shown beside it."""

    REALTIME_UPDATABLE = True

    def __init__(self, max: float = 100, label=None, value: float = 0, unit=None, metadata=None) -> None:
        self._max, self._label, self._value, self._unit, self._metadata = max, label, value, unit, metadata

    def update(self, new_value, metadata=None) -> None:
        """Show another value."""
        self._value = new_value
        if metadata is not None:
            self._metadata = metadata

    def render(self):
        """The bar as a ``progressBar``."""
        shown = self._described("progressBar", max=plain_number(self._max), value=plain_number(self._value))
        details = self._metadata
        if isinstance(details, dict):
            details = {name: plain_number(value) for name, value in details.items()}
        for name, value in (("label", self._label), ("unit", self._unit), ("details", details)):
            if value:
                shown[name] = value
        return shown


class PythonCode(UserComponent):
    """Source code: that of a function, or a text."""

    def __init__(self, code_func=None, code_string=None) -> None:
        self._function, self._text = code_func, code_string

    def update(self, *args, **kwargs) -> None:
        """Say that code cannot be updated."""
        self._fixed()

    def render(self):
        """The code as a ``pythonCode``."""
        if self._function is not None:
            with library():
                from inspect import getsource

            return self._described("pythonCode", data=getsource(self._function))
        if self._text is None:
            return trouble(
                "`PythonCode` component requires a `code_func` or `code_string` argument.\n\nNone provided for both"
            )
        return self._described("pythonCode", data=str(self._text))


class Error(UserComponent):
    """An exception, below a title."""

    def __init__(self, exception, title=None) -> None:
        self._exception, self._title = exception, title

    def update(self, *args, **kwargs) -> None:
        """Say that an error cannot be updated."""
        self._fixed()

    def render(self):
        """The exception as a ``log``."""
        return self._described("log", data="%s\n\n%r" % (self._title or "Error", self._exception))


class PageComponent(MetaflowCardComponent):
    """Components together, below a title."""

    def __init__(self, title=None, subtitle=None, contents=()) -> None:
        self._title, self._subtitle, self._contents = title, subtitle, list(contents)

    def render(self):
        """The components as a ``page``."""
        shown = {"type": "page"}
        for name, value in (("title", self._title), ("subtitle", self._subtitle)):
            if value is not None:
                shown[name] = value
        shown["contents"] = [
            rendered(part) if isinstance(part, MetaflowCardComponent) else part for part in self._contents
        ]
        return shown
