"""``IncludeFile``: a parameter whose value is the content of a file."""

import os

from .exceptions import MetaflowException, UsageError
from .parameters import Parameter


class Content:
    """The file that a run includes: where it is, and how large."""

    def __init__(self, path, size):
        self.path = path
        self.size = size


class IncludeFile(Parameter):
    """A parameter that takes the path of a local file; its value is the file's content.

    The content is read when the run starts. It is text, decoded with ``encoding``, or ``bytes`` with
    ``is_text=False``. ``parser`` is a function, or its dotted name, that makes the value out of the content; it is
    called in the tasks.
    """

    _arguments = ("is_text", "encoding", "parser")

    def __init__(
        self,
        name=None,
        required=None,
        is_text=None,
        encoding=None,
        help=None,
        parser=None,
        default=None,
        show_default=None,
        **kwargs,
    ) -> None:
        super().__init__(
            name, default=default, type=str, help=help, required=required, show_default=show_default, **kwargs
        )
        self.is_text = is_text is None or bool(is_text)
        self.encoding = encoding or "utf-8"
        self.parser = parser

    def kind(self):
        """The type's name in the definition."""
        return "file"

    def convert_one(self, value):
        """The file that the path names. UsageError if it cannot be read."""
        path = os.path.expanduser(str(value))
        if "://" in path:
            raise UsageError(
                "Invalid value for '--%s': %s is not a local file. Only local files can be included."
                % (self.name, path),
                self.name,
            )
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise UsageError(
                "Invalid value for '--%s': the file '%s' cannot be read: %s" % (self.name, path, error.strerror),
                self.name,
            ) from None
        return Content(path, size)

    def display(self, value):
        """The path of the file."""
        return value.path if isinstance(value, Content) else str(value)

    def decode(self, data):
        """The parameter's value for the bytes of the file."""
        if not self.is_text:
            return data
        # Lines end as they do in any text that Python opens.
        text = data.decode(self.encoding).replace("\r\n", "\n").replace("\r", "\n")
        return self._parse(text) if self.parser is not None else text

    def _parse(self, text):
        try:
            parser = self.parser if callable(self.parser) else _named(self.parser)
            return parser(text)
        except Exception as error:
            raise MetaflowException(
                "The parser of the parameter '%s' failed: %s: %s" % (self.name, type(error).__name__, error)
            ) from error


def _named(path):
    """The function with this dotted name; a leading dot stands for the package ``metaflow``."""
    from importlib import import_module

    module, _, function = ("metaflow" + path if path.startswith(".") else path).rpartition(".")
    return getattr(import_module(module), function)
