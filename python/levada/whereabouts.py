"""Where in a value the part lies that cannot be pickled.

Pickle says what it stumbled over, not where: in a dict of lists of objects that is not enough to find it. This is asked
only after pickling has failed, so it may take its time, within bounds.
"""

import sys
from _pickle import Pickler

ModuleType = type(sys)

#: So many parts are looked at, and so deep. Beyond, the place that is known by then is told.
_MOST_PARTS, _DEEPEST = 10_000, 50

_ATOMS = frozenset((int, float, bool, complex, type(None), str, bytes, bytearray))


class _Nowhere:
    """A file that keeps nothing: large values are not copied to be tried."""

    @staticmethod
    def write(data):
        """Take bytes, or a buffer."""


def at(name, value):
    """For the end of a message: ``", at state['a'][0]"``; empty if it is the value as a whole."""
    place = where(name, value)
    return "" if place == name else ", at " + place


def where(name, value):
    """The place of the first part of ``value`` that cannot be pickled, as Python would read it: ``state['a'][0]``.

    ``name`` itself if it is the value as a whole. A part is found in dicts, lists, tuples, sets and attributes.
    """
    left = _MOST_PARTS
    seen = {id(value)}
    place, depth = name, 0
    while depth < _DEEPEST:
        for step, part in _parts(value):  # noqa: B007 - the one that the loop ends with is used
            left -= 1
            if left < 0:
                return place
            if type(part) in _ATOMS or id(part) in seen:
                continue
            seen.add(id(part))
            if not _can_be_pickled(part):
                break
        else:
            return place  # no part of it: the value itself is what cannot be pickled
        place, value, depth = place + step, part, depth + 1
    return place


def _can_be_pickled(value):
    try:
        Pickler(_Nowhere, 5).dump(value)
    except Exception:
        return False
    return True


def _parts(value):
    """The parts of a value that are pickled with it: how each is reached, and the part."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield "[%s]" % _short(key), part
        for key in value:
            yield ", in its key %s" % _short(key), key
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield "[%d]" % index, part
    elif isinstance(value, (set, frozenset)):
        for part in value:
            yield ", in its element %s" % _short(part), part
    for own in "__getstate__", "__reduce_ex__":
        if getattr(type(value), own, None) is not getattr(object, own, None):
            return  # what it says of itself is pickled, not its attributes
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        attributes = {}
    if not isinstance(value, (type, ModuleType)) and isinstance(attributes, dict):
        for attribute, part in attributes.items():
            yield ".%s" % attribute, part
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for attribute in (slots,) if isinstance(slots, str) else slots:
            try:
                yield ".%s" % attribute, object.__getattribute__(value, attribute)
            except AttributeError:
                pass  # it is not set, or __dict__ and its like


def _short(key):
    """A key as Python would read it, if that is short."""
    try:
        text = repr(key)
    except Exception:
        text = ""
    return text if 0 < len(text) <= 60 else "<%s>" % type(key).__name__
