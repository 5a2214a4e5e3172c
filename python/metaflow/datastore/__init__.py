"""Metaflow's datastore, of which flows see only the exceptions."""

from levada.submodules import modules_of

__getattr__ = modules_of(__name__)
