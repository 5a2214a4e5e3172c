"""Metaflow's client."""

from levada.client import (
    DataArtifact as DataArtifact,
    Flow as Flow,
    Metaflow as Metaflow,
    Run as Run,
    Step as Step,
    Task as Task,
    default_metadata as default_metadata,
    default_namespace as default_namespace,
    get_metadata as get_metadata,
    get_namespace as get_namespace,
    inspect_spin as inspect_spin,
    metadata as metadata,
    namespace as namespace,
)
from levada.submodules import modules_of

__getattr__ = modules_of(__name__)
