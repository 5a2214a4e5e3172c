"""Modules of cards that flows import from."""

from levada.submodules import modules_of

__getattr__ = modules_of(__name__)
