"""AWS: a later version has it."""

from levada.submodules import modules_of

__getattr__ = modules_of(__name__)
