"""Exceptions of artifacts under Metaflow's module path."""

from levada.exceptions import (
    DataException as DataException,
    UnpicklableArtifactException as UnpicklableArtifactException,
)
