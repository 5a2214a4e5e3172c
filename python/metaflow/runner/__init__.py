"""Running and deploying flows from Python code, by Metaflow's module names."""

from levada.submodules import modules_of

__getattr__ = modules_of(__name__)
