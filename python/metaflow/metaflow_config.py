"""Metaflow's settings, read when this module is imported."""

from levada.settings import from_conf as from_conf, read as read

globals().update(read())
