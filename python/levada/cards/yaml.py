"""Plain data as YAML, block style, without a library."""

from json import dumps
from re import IGNORECASE
from re import compile as pattern

from .values import plain_number

#: Texts that can stand without quotes: they are read as text again, whatever reads them.
_BARE = pattern(r"[A-Za-z_/][A-Za-z0-9_./@+-]*( [A-Za-z0-9_./@+-]+)*\Z")
_SPECIAL = pattern(r"(true|false|yes|no|on|off|null|y|n|\.inf|\.nan)\Z", IGNORECASE)


def dump(data):
    """``data`` as a YAML document: dicts, lists, texts, numbers; anything else as its repr."""
    return "".join(line + "\n" for line in _block(data))


def _block(value):
    """The lines of a value that begins on a line of its own."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _entry(_scalar(key) + ":", part, "  ")
    elif isinstance(value, (list, tuple, set, frozenset)) and value:
        for part in value:
            yield from _entry("-", part, "  ")
    else:
        yield _scalar(value)


def _entry(lead, value, indent):
    if not (isinstance(value, (dict, list, tuple, set, frozenset)) and value):
        yield "%s %s" % (lead, _scalar(value))
        return
    lines = _block(value)
    if lead == "-":
        yield "- " + next(lines)
    else:
        yield lead
        if not isinstance(value, dict):
            indent = ""
    for line in lines:
        yield indent + line


def _scalar(value):
    value = plain_number(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value != value:
            return ".nan"
        return repr(value) if abs(value) != float("inf") else (".inf" if value > 0 else "-.inf")
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[]"
    text = value if isinstance(value, str) else repr(value)
    if _BARE.match(text) and not _SPECIAL.match(text):
        return text
    if "'" not in text and text.isprintable() and text:
        return "'%s'" % text
    return dumps(text, ensure_ascii=False)
