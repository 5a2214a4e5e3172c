"""Imports what the cards of a task need, so that the fork server does it once for all of them."""

from ..standard import library

with library():
    from . import builtin, markdown, page, publisher, registry, taskview  # noqa: F401
