"""Events for Argo."""

from levada.argo import ArgoEvent  # noqa: F401
