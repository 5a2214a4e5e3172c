"""Secrets under Metaflow's module path."""

from levada.secret_backends import SecretsProvider, get_secret  # noqa: F401
