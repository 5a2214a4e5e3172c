"""The processes that a Runner starts."""

from levada.runner import Command as CommandManager  # noqa: F401

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
