"""Packages whose modules are their attributes before anybody has imported them.

``import metaflow`` is enough for ``metaflow.client.core.MetaflowData``: Metaflow imports all that it has at once,
Levada what is asked for.
"""

from importlib import import_module


def modules_of(package):
    """The ``__getattr__`` of such a package."""

    def find(name):
        why = None
        if name[:2] != "__":
            try:
                return import_module("%s.%s" % (package, name))
            except ImportError as error:
                why = error
        raise AttributeError("module '%s' has no attribute '%s'" % (package, name)) from why

    return find
