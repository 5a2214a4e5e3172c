"""Metaflow's settings, read when this module is imported."""

from levada.settings import read

globals().update(read())
