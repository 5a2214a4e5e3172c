"""``profile`` under Metaflow's module path."""

from levada.profiling import profile as profile


def from_start(msg):
    """Nothing: how long Python takes to start is shown by ``python -X importtime``."""
