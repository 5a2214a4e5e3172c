"""Another name of ``metaflow.plugins.datatools``."""

from metaflow.plugins.datatools import *  # noqa: F403
