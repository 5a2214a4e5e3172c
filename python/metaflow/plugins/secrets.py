"""Secrets under Metaflow's module path."""

from levada.secret_backends import SecretsProvider as SecretsProvider, get_secret as get_secret

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
