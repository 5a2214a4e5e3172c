"""The API of Metaflow, as far as Levada has it: flows written for Metaflow run unchanged.

Everything here is Levada's under Metaflow's names. What is not there yet can be imported; using it says so.
"""

import levada
from levada import __all__  # noqa: F401
from levada.standard import TYPE_CHECKING

if TYPE_CHECKING:
    from levada import *  # noqa: F403
    from levada import S3 as S3
    from levada import exec as exec

globals().update((name, getattr(levada, name)) for name in __all__ if name in vars(levada))

#: The version of Metaflow whose API this is.
__version__ = "2.19.39"

_MODULES = frozenset(
    [
        "cards",
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
        "metaflow_profile",
        "metaflow_version",
        "multicore_utils",
        "parameters",
        "plugins",
        "runner",
        "runtime",
        "system_context",
        "tuple_util",
        "unbounded_foreach",
        "user_configs",
        "user_decorators",
        "util",
    ]
)

if not TYPE_CHECKING:

    def __getattr__(name):
        if name in _MODULES:
            from importlib import import_module

            return import_module("metaflow." + name)
        try:
            return getattr(levada, name)
        except AttributeError:
            pass
        why = ""
        if name[:2] != "__":
            from levada.absent import instead

            why = instead(name)
        raise AttributeError(why or "module 'metaflow' has no attribute '%s'" % name)


def __dir__():
    return sorted({*globals(), *__all__, *_MODULES})


class _Absent:
    """Asked last for modules, and names, that nobody has: says of Metaflow's what to do instead."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        from sys import _getframe

        if name[:9] == "metaflow." and _getframe(2).f_globals.get("__name__") != "importlib.util":
            from levada.absent import refuse

            refuse(name[9:])  # importlib.util.find_spec only asks whether there is one: it gets None, as from others


def _hear_of_absent():
    from sys import meta_path

    meta_path.append(_Absent)


_hear_of_absent()
