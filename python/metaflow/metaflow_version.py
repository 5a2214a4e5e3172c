"""The version of Metaflow whose API this is."""

from metaflow import __version__


def get_version():
    """The version as text."""
    return __version__
