"""Events for Argo."""

from levada.argo import ArgoEvent as ArgoEvent
