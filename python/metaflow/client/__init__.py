"""Metaflow's client."""

from levada.client import (  # noqa: F401
    DataArtifact,
    Flow,
    Metaflow,
    Run,
    Step,
    Task,
    default_metadata,
    default_namespace,
    get_metadata,
    get_namespace,
    inspect_spin,
    metadata,
    namespace,
)
from levada.submodules import modules_of

__getattr__ = modules_of(__name__)
