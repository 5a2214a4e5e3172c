"""The elements of foreaches, and what a step may do to them.

A task gets its element alone, not the list that it is of: that is what keeps a wide foreach cheap. A step may see the
two side by side, though, and expects ``self.input`` to be ``self.items[self.index]``. So the element takes its place in
the list when the step looks at that as well, and one that the step has changed in place is put there at the end, where
later steps and the join look for it. Only then is the list loaded, and stored once more.
"""

import sys
from _collections_abc import MutableSequence
from _pickle import dumps
from itertools import islice

from .artifacts import IMMUTABLE, PICKLE_PROTOCOL, HashSink, explain, pickler, says_the_same

#: The pickles of larger elements are remembered by their hashes.
_SMALL = 1 << 18


def each(items):
    """What a foreach goes through, to be iterated. So a Series of pandas gives its own types, as it does by index.

    Of a dict it is the keys, unless these are positions: then, as in Metaflow, it is what lies there.
    """
    if _keys_are_positions(items):
        return [items[index] for index in range(len(items))]
    return items.array if type(items).__module__.partition(".")[0] == "pandas" and hasattr(items, "array") else items


def _keys_are_positions(items):
    return isinstance(items, dict) and all(index in items for index in range(len(items)))


def _has_positions(items):
    listed = isinstance(items, (list, tuple, MutableSequence)) or hasattr(items, "__array_interface__")
    return listed or _keys_are_positions(items)


def element(items, index):
    """The element at a position: what iterating gives there, not what a key finds. IndexError if there is none."""
    if _has_positions(items):
        return items[index]
    for found in islice(each(items), index, None):
        return found
    raise IndexError("it has no element %d" % index)


def replaced(items, index, value):
    """The items with another element at a position: the same ones, or a new tuple. TypeError without positions."""
    if not _has_positions(items):
        raise TypeError("a value of the type %s has no positions" % type(items).__name__)
    if isinstance(items, tuple):
        return getattr(type(items), "_make", type(items))((*items[:index], value, *items[index + 1 :]))
    items[index] = value
    return items


class Elements:
    """The elements that a task has been given which its step could change."""

    __slots__ = ("_task", "_flow", "_given", "_originals")

    def __init__(self, task):
        self._task = task
        self._flow = task.flow
        self._given = {}  # level -> the pickle of the element as it came, or the hash of a long one
        self._originals = {}  # level -> what lay in the list where the element lies now

    def of_own_list(self, level):
        """Whether this task, or one before it in the foreach, has made the list anew; and its element there."""
        frame = self._task.stack[level]
        name = frame.get("var")
        if not frame.get("own") and name not in self._flow.__dict__:
            return False, None
        items = getattr(self._flow, name, None)
        if isinstance(items, (set, frozenset)):  # whose order is another in each process
            return False, None
        try:
            return True, element(items, frame["index"])
        except (TypeError, IndexError):
            return False, None  # by now it is something else

    def remember(self, level, value, data):
        """Take down an element as it came. ``data`` is its pickle; empty from a file or another language."""
        if type(value) in IMMUTABLE:
            return
        try:
            self._given[level] = data if 0 < len(data) <= _SMALL else _hash_of(value)
        except Exception:
            pass  # it can be read but not be pickled, and so not be compared

    def take_their_places(self, name, items):
        """The list ``items``, which is loaded now, with the elements of it that the step has already."""
        for level, frame in enumerate(self._task.stack):
            if frame.get("var") == name and level in self._given:
                try:
                    original = element(items, frame["index"])
                    items = replaced(items, frame["index"], self._task.item(level))
                except (TypeError, IndexError):
                    continue
                self._originals[level] = original
        return items

    def settle(self):
        """At the end of the step: keep the elements that it has changed in their lists, and no others."""
        attributes = self._flow.__dict__
        for level in self._given:
            frame = self._task.stack[level]
            name, index = frame["var"], frame["index"]
            loaded = self._task.loaded.get(name)
            if name in attributes and (loaded is None or attributes[name] is not loaded.value):
                continue  # the step has set the list anew, and that is what counts
            value = self._task.item(level)
            if not self._is_changed(level, value):
                if level in self._originals:
                    # Elements in a list share what they are made of, and its pickle tells; this one shares nothing.
                    attributes[name] = loaded.value = replaced(loaded.value, index, self._originals[level])
                continue
            try:
                attributes[name] = replaced(getattr(self._flow, name), index, value)
            except (AttributeError, TypeError, IndexError) as error:
                print(
                    "levada: the step changed self.input in place, and the change cannot be stored. The foreach goes "
                    "through '%s': %s. Assign what you want to keep to an attribute of self." % (name, error),
                    file=sys.stderr,
                )

    def _is_changed(self, level, value):
        given = self._given[level]
        try:
            if type(given) is not bytes:
                return _hash_of(value) != given
            data = dumps(value, PICKLE_PROTOCOL)
            return data != given and not says_the_same(data, given)
        except Exception as error:
            frame = self._task.stack[level]
            raise explain("%s[%d]" % (frame["var"], frame["index"]), value, error) from error


def _hash_of(value):
    sink = HashSink()
    pickler(sink).dump(value)
    return sink.hexdigest()
