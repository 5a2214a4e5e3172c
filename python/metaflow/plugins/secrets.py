"""Secrets under Metaflow's module path."""

from levada.secret_backends import SecretsProvider, get_secret  # noqa: F401

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
