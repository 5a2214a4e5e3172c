"""The processes that a Runner starts."""

from levada.runner import Command as CommandManager  # noqa: F401
