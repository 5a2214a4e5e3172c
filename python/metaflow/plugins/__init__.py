"""Modules of decorators that flows import exceptions from."""

from levada.submodules import modules_of

__getattr__ = modules_of(__name__)
