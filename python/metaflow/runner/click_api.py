"""Metaflow's inner way from Python to its command line. ``Runner`` is the public one; using this is an error."""

from levada.later import names_of

__getattr__ = names_of(__name__)
