"""``profile`` under Metaflow's module path."""

from levada.profiling import profile  # noqa: F401


def from_start(msg):
    """Nothing: how long Python takes to start is shown by ``python -X importtime``."""
