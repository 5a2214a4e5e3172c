"""Events for Argo."""

from levada.events import ArgoEvent  # noqa: F401
