"""Artifacts between Python and bytes.

A value is pickled with protocol 5 into a Spill: small results stay in memory and travel in the frame, large ones go
into a file in the staging folder as they are made, without a copy of the whole. Reading is the same the other way.
"""

import sys
from _pickle import PickleBuffer, Pickler, dumps, load, loads
from os import O_CLOEXEC, O_CREAT, O_EXCL, O_WRONLY, close, unlink, write
from os import open as os_open
from types import FunctionType, MethodType

from .exceptions import DataException, MetaflowException, UnpicklableArtifactException

PICKLE_PROTOCOL = 5

#: Once so many bytes lie in a frame, everything else is staged.
_FRAME = 32 << 20

#: Types whose pickles are small enough to be made without asking how large they are.
_SCALARS = frozenset((int, float, bool, complex, type(None)))
#: Types whose values cannot change: the same object is the same artifact.
IMMUTABLE = frozenset((int, float, bool, complex, type(None), str, bytes))
#: Types of attributes that are not artifacts.
BEHAVIOUR = (FunctionType, MethodType)

_type_names = {}


def type_name(value):
    """The name of a value's type: bare for builtins, dotted for others."""
    cls = type(value)
    name = _type_names.get(cls)
    if name is None:
        name = cls.__qualname__ if cls.__module__ == "builtins" else "%s.%s" % (cls.__module__, cls.__qualname__)
        _type_names[cls] = name
    return name


class Staging:
    """The folder that the host named for large values of this task, and the names of files in it."""

    __slots__ = ("limit", "inline", "folder", "_prefix", "_count")

    def __init__(self, folder, prefix, limit):
        #: Values of more bytes than this are large.
        self.limit = limit
        #: Values of more bytes than this are staged: the limit, until the frame is full.
        self.inline = limit
        self.folder = folder
        self._prefix = prefix
        self._count = 0

    def _name(self, number):
        return "%s/%s-%d" % (self.folder, self._prefix, number)

    def path(self):
        """The path of the next file."""
        self._count += 1
        return self._name(self._count - 1)

    def discard(self):
        """Remove the files: nobody will hear of them."""
        for number in range(self._count):
            try:
                unlink(self._name(number))
            except OSError:
                pass  # it was never made
        self.inline = self.limit


class Spill:
    """A file that is written once: in memory up to the staging limit, in a staged file beyond."""

    __slots__ = ("size", "path", "_staging", "_parts", "_fd")

    def __init__(self, staging):
        self.size = 0
        self.path = None
        self._staging = staging
        self._parts = []
        self._fd = -1

    @property
    def folder(self):
        """The staging folder."""
        return self._staging.folder

    def write(self, data):
        """Take over bytes, or a buffer, without keeping a reference to memory that may change."""
        kind = type(data)
        if kind is not bytes:
            data = data.raw() if kind is PickleBuffer else memoryview(data).cast("B")
        size = len(data)
        self.size += size
        if self._fd < 0:
            if self.size <= self._staging.inline:
                self._parts.append(data if kind is bytes else bytes(data))
                return size
            self._open()
        self._put(data)
        return size

    def _open(self):
        self.path = self._staging.path()
        self._fd = os_open(self.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        parts, self._parts = self._parts, None
        for part in parts:
            self._put(part)

    def _put(self, data):
        done = write(self._fd, data)
        if done < len(data):
            view = memoryview(data)
            while done < len(view):
                done += write(self._fd, view[done:])

    def finish(self):
        """The bytes, if they are still in memory, or None after a spill."""
        if self._fd >= 0:
            close(self._fd)
            return None
        parts = self._parts
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def discard(self):
        """Forget what was written."""
        if self._fd >= 0:
            close(self._fd)
            unlink(self.path)


class HashSink:
    """A file that only computes the SHA-256 of what is written."""

    def __init__(self):
        from hashlib import sha256

        self._hash = sha256()
        self.size = 0

    def write(self, data):
        """Add bytes, or a buffer."""
        data = data.raw() if type(data) is PickleBuffer else memoryview(data)
        self._hash.update(data)
        self.size += data.nbytes
        return data.nbytes

    def hexdigest(self):
        """The hash as text."""
        return self._hash.hexdigest()


class Loaded:
    """An artifact as it came from the host."""

    __slots__ = ("value", "hash", "size", "data")

    def __init__(self, value, hash, size, data=b""):
        self.value = value
        self.hash = hash
        self.size = size
        #: Its bytes; empty if they came as a file.
        self.data = data


def explain(name, value, error, folder="the store"):
    """The exception that says why an artifact cannot be pickled into a staging folder, and what of it."""
    from .whereabouts import at

    place = "" if isinstance(error, OSError) else at(name, value)
    if isinstance(error, MetaflowException):  # it explains itself, but for the artifact
        error.message = "The artifact '%s' cannot be stored%s: %s" % (name, place, error.message)
        return error
    text = "%s: %s%s" % (type(error).__name__, error, place)
    if isinstance(error, TypeError):
        return UnpicklableArtifactException(name, "%s%s" % (error, place))
    if isinstance(error, OSError):
        from errno import EDQUOT, ENOSPC

        if error.errno in (ENOSPC, EDQUOT):
            return DataException(
                "The artifact '%s' could not be stored: no space left on device. Free some space on the disk that "
                "holds %s, then resume the run." % (name, folder)
            )
        return DataException("The artifact '%s' could not be written to the staging folder: %s" % (name, text))
    return DataException("The serializer 'pickle' failed on the artifact '%s': %s" % (name, text))


def pickler(sink):
    """A pickler of artifacts, which writes to a file or something like one."""
    made = Pickler(sink, PICKLE_PROTOCOL)
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    if array is not None:
        from copyreg import dispatch_table

        made.dispatch_table = {**dispatch_table, array: _writable_array}
    return made


def _writable_array(array):
    """How an array of numpy is pickled: one that is read-only, as pandas gives them, would stay so for good."""
    if not array.flags.writeable:
        view = array.view()
        try:
            view.flags.writeable = True
            array = view
        except ValueError:  # what it looks at is
            array = array.copy("K")
    return array.__reduce_ex__(PICKLE_PROTOCOL)


def pickle_into(spill, value, name):
    """Pickle one value into a spill."""
    try:
        pickler(spill).dump(value)
    except Exception as error:
        raise explain(name, value, error, spill.folder) from error


def pack(name, value, staging):
    """An artifact as ``done`` has it: its entry, and its bytes if they travel in the body."""
    if type(value) in _SCALARS:
        data = dumps(value, PICKLE_PROTOCOL)
        return {"name": name, "codec": "pickle", "type": type_name(value), "size": len(data), "length": len(data)}, data
    spill = Spill(staging)
    try:
        pickle_into(spill, value, name)
    except BaseException:
        spill.discard()
        raise
    data = spill.finish()
    entry = {"name": name, "codec": "pickle", "type": type_name(value), "size": spill.size}
    if data is None:
        entry["path"] = spill.path
    else:
        entry["length"] = len(data)
    return entry, data


def _unchanged(value, loaded, staging):
    """Whether a value that was loaded needs not be sent again."""
    if type(value) in IMMUTABLE and value is loaded.value:
        return True
    if loaded.size <= staging.limit or value is not loaded.value:
        return False
    # Large: find out by hashing, which costs no memory and no disk.
    sink = HashSink()
    try:
        pickler(sink).dump(value)
    except Exception:
        return False  # packing it says what is wrong
    return sink.hexdigest() == loaded.hash


def says_the_same(data, before):
    """Whether a value that was loaded from ``before`` is unchanged though its pickle, ``data``, is another.

    Pickles of some objects, views of arrays among them, differ once they have been loaded.
    """
    if not before or data == before:
        return False
    try:
        return dumps(loads(before), PICKLE_PROTOCOL) == data
    except Exception:
        return False


def pack_changed(attributes, loaded, staging, skip_unpicklable=False):
    """The artifacts of an instance that the host does not have: entries, and their bytes in the same order."""
    entries, parts = [], []
    inline = 0
    for name, value in attributes.items():
        if isinstance(value, BEHAVIOUR) or name[:2] == "__":
            continue
        before = loaded.get(name)
        if before is not None and _unchanged(value, before, staging):
            continue
        try:
            entry, data = pack(name, value, staging)
        except MetaflowException:
            if skip_unpicklable:
                continue
            raise
        if data is not None and before is not None and value is before.value and says_the_same(data, before.data):
            continue
        entries.append(entry)
        if data is not None:
            parts.append(data)
            inline += len(data)
            if inline > _FRAME:
                staging.inline = 0
    return entries, parts


def _read_file(path):
    with open(path, "rb") as file:
        return file.read()


def unpack(name, described, data, decode=None):
    """The value that a reply describes; ``data`` are its bytes if they are in the body."""
    path = described.get("path") or described.get("fifo")
    if described.get("codec", "pickle") == "file":
        content = _read_file(path) if path else bytes(data)
        if decode is not None:
            return decode(content)
        # In a reply of its own "type" is that of the frame.
        kind = described.get("value_type") or described.get("type")
        return content.decode() if kind == "str" else content
    if described["codec"] != "pickle":
        from .foreign import decode as decode_foreign

        kind = described.get("value_type") or described.get("type")
        return decode_foreign(name, described["codec"], kind, _read_file(path) if path else bytes(data))
    try:
        if not path:
            return loads(data)
        with open(path, "rb") as file:
            return load(file)
    except Exception as error:
        raise DataException(
            "The artifact '%s' could not be unpickled: %s: %s" % (name, type(error).__name__, error)
        ) from error


def pack_items(items, var, staging):
    """The elements of a foreach as an items file: the entry for ``done``, its bytes or None, and their number."""
    from struct import pack as struct_pack

    spill = Spill(staging)
    lengths = []
    written = 0
    try:
        for item in items:
            if type(item) in _SCALARS:
                data = dumps(item, PICKLE_PROTOCOL)
                spill.write(data)
                lengths.append(len(data))
                written += len(data)
            else:
                pickle_into(spill, item, "%s[%d]" % (var, len(lengths)))
                lengths.append(spill.size - written)
                written = spill.size
        spill.write(struct_pack("<%dQ" % len(lengths), *lengths))
    except BaseException:
        spill.discard()
        raise
    data = spill.finish()
    entry = {"var": var, "count": len(lengths), "codec": "pickle"}
    if data is None:
        entry["path"] = spill.path
    else:
        entry["length"] = len(data)
    return entry, data, len(lengths)
