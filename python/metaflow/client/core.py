"""The parts of Metaflow's client."""

from levada.client import *  # noqa: F403
