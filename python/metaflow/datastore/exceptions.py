"""Exceptions of artifacts under Metaflow's module path."""

from levada.exceptions import DataException, UnpicklableArtifactException  # noqa: F401
