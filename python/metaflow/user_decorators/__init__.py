"""User decorators and mutators under Metaflow's module path."""

from levada.submodules import modules_of

__getattr__ = modules_of(__name__)
