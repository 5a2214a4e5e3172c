"""Templates of the Mustache language, of which cards of one's own may be made: see ``MetaflowCard._get_mustache``.

There are variables, also without escaping, sections, inverted sections and comments; no partials, no functions, and
no other delimiters.
"""

from ..standard import library

_TAG = r"\{\{\{(?P<raw>.*?)\}\}\}|\{\{(?P<kind>[#^/&!]?)(?P<name>.*?)\}\}"
_MISSING = object()


def render(template="", data=None, **options):
    """The text that a template, text or an open file, makes of data."""
    text = template if isinstance(template, str) else template.read()
    return "".join(_rendered(_parsed(text), [{} if data is None else data]))


def _parsed(text):
    """The template as a tree: texts, and tuples of kind, name and the parts of a section."""
    with library():
        from re import DOTALL, finditer

    at, parts, around = 0, [], []
    for tag in finditer(_TAG, text, DOTALL):
        raw = tag["raw"] is not None
        kind, name = ("&", tag["raw"].strip()) if raw else (tag["kind"], tag["name"].strip())
        start, end = tag.span() if kind in ("", "&") else _line_of(text, *tag.span())
        parts.append(text[at:start])
        at = max(at, end)
        if kind in ("#", "^"):
            around.append((name, parts))
            inner = []
            parts.append((kind, name, inner))
            parts = inner
        elif kind == "/":
            if not around or around[-1][0] != name:
                raise ValueError("{{/%s}} in a Mustache template ends no section of that name" % name)
            parts = around.pop()[1]
        elif kind != "!":
            parts.append((kind, name, None))
    if around:
        raise ValueError("the section {{#%s}} of a Mustache template has no end" % around[-1][0])
    parts.append(text[at:])
    return parts


def _line_of(text, start, end):
    """A tag with the line that it stands on, if there is nothing else on it."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end) + 1 or len(text)
    return (first, last) if not text[first:start].strip() and not text[end:last].strip() else (start, end)


def _rendered(parts, scopes):
    for part in parts:
        if isinstance(part, str):
            yield part
            continue
        kind, name, inner = part
        value = _found(name, scopes)
        if kind == "":
            yield _escaped(_text(value))
        elif kind == "&":
            yield _text(value)
        elif kind == "^":
            if not value:
                yield from _rendered(inner, scopes)
        elif isinstance(value, (list, tuple)):
            for one in value:
                yield from _rendered(inner, [one, *scopes])
        elif value:
            yield from _rendered(inner, [value, *scopes])


def _found(name, scopes):
    """What a name, with dots for what is inside, stands for in the innermost scope that has it; None if none has."""
    if name == ".":
        return scopes[0]
    for scope in scopes:
        for key in name.split("."):
            scope = _part(scope, key)
        if scope is not _MISSING:
            return scope
    return None


def _part(value, key):
    if isinstance(value, dict):
        return value.get(key, _MISSING)
    if isinstance(value, (list, tuple)):
        return value[int(key)] if key.isdigit() and int(key) < len(value) else _MISSING
    return getattr(value, key, _MISSING)


def _text(value):
    return "" if value is None else str(value)


def _escaped(text):
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
