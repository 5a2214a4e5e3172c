"""Metaflow's settings, read when this module is imported."""

from levada.settings import from_conf, read  # noqa: F401

globals().update(read())
