"""The API of Metaflow, as far as Levada has it: flows written for Metaflow run unchanged.

Everything here is Levada's under Metaflow's names. What is not there yet can be imported; using it says so.
"""

from levada import *  # noqa: F403
from levada import __all__  # noqa: F401

#: The version of Metaflow whose API this is.
__version__ = "2.19.38"

_MODULES = frozenset(
    [
        "client",
        "datastore",
        "decorators",
        "events",
        "exception",
        "flowspec",
        "graph",
        "includefile",
        "integrations",
        "lint",
        "metadata_provider",
        "metaflow_config",
        "metaflow_current",
        "metaflow_version",
        "parameters",
        "plugins",
        "runner",
        "runtime",
        "system_context",
        "tuple_util",
        "unbounded_foreach",
        "util",
    ]
)
_MODULES_LATER = frozenset(("cards", "user_configs"))


def __getattr__(name):
    if name in _MODULES:
        from importlib import import_module

        return import_module("metaflow." + name)
    if name in _MODULES_LATER:
        from levada.later import Later

        return Later("metaflow." + name)
    import levada

    try:
        return getattr(levada, name)
    except AttributeError:
        raise AttributeError("module 'metaflow' has no attribute '%s'" % name) from None
