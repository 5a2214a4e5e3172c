"""Values of artifacts."""

from ..artifacts import unpack


def decode(name, described, data):
    """The value that a record and its bytes stand for."""
    if described["codec"] == "file" and described["type"] == "str" and not described.get("path"):
        return _text(data)
    try:
        return unpack(name, described, data)
    except UnicodeDecodeError:
        with open(described["path"], "rb") as file:
            return file.read()


def _text(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data  # an included file in another encoding


class MetaflowData:
    """The artifacts of a task as attributes. One is loaded when it is first touched; AttributeError if there is none."""

    def __init__(self, task):
        self.__dict__["_task"] = task
        self.__dict__["_names"] = None

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        found = self._task._values([name])
        if name not in found:
            raise AttributeError(name)
        value = self.__dict__[name] = found[name]
        return value

    def _listed(self):
        if self._names is None:
            self.__dict__["_names"] = [artifact.id for artifact in self._task]
        return self._names

    def __contains__(self, name):
        return name in self._listed()

    def __dir__(self):
        return list(self._listed())

    def __str__(self):
        return "<MetaflowData: %s>" % ", ".join(self._listed())

    __repr__ = __str__

    def __getstate__(self):
        return {"_task": self._task, "_names": None}

    def __setstate__(self, state):
        self.__dict__.update(state)
