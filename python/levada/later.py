"""Names of Metaflow's API that this version of Levada does not have."""

from .exceptions import NotAvailable


class Later:
    """Stands for a name, so that importing it works. Calling it, deriving from it or reading it is an error."""

    def __init__(self, name):
        self.__dict__["__name__"] = name

    def __call__(self, *args, **kwargs):
        """Fail: there is nothing to call."""
        raise NotAvailable(self.__name__)

    def __mro_entries__(self, bases):
        raise NotAvailable(self.__name__)

    def __iter__(self):
        raise NotAvailable(self.__name__)

    def __getattr__(self, name):
        if name[:2] == "__":
            raise AttributeError(name)
        raise NotAvailable("%s.%s" % (self.__name__, name))

    def __repr__(self):
        return "<%s: not available in this version of Levada>" % self.__name__


def names_of(module):
    """The ``__getattr__`` of a module that is not there yet: any name can be imported from it."""

    def find(name):
        if name[:2] == "__":
            raise AttributeError("module '%s' has no attribute '%s'" % (module, name))
        return Later("%s.%s" % (module, name))

    return find
