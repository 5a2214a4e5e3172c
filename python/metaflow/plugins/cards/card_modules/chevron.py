"""Mustache, if this Python has the package chevron: ``pip install chevron``."""

from chevron import render  # noqa: F401
