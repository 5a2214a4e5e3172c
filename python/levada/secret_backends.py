"""``@secrets``: values from a store of secrets, as environment variables of one step.

A *backend* is a class that fetches them. Levada's are ``inline``, ``file``, ``environment``, ``aws-secrets-manager``,
``gcp-secret-manager`` and ``az-key-vault``; ``register`` adds others, and so does an installed package with an entry
point of the group ``levada.secrets``.

The values are fetched in the process of the task, when it begins, and are nowhere else: no record, definition, log or
code package has them. What a step prints or stores itself is its own business; but where Levada writes about a
failure, the values of the secrets are taken out.
"""

import os
import re

from .exceptions import MetaflowException
from .standard import TYPE_CHECKING, library

if TYPE_CHECKING:
    from typing import Any

with library():
    from bisect import bisect_right

#: Shorter values are not taken out of texts: they would hit words that are none.
_SHORTEST = 4
_NAME = r"[A-Za-z_][A-Za-z0-9_]*\Z"
_MASK = "***"
#: What may stand in a message for something else: white space of any kind, with the margin of an ExceptionGroup and
#: the + of a URL, and what repr, JSON and URLs make of a character, each time that they are applied.
_WRITTEN = re.compile(
    r"""
    (?P<space> (?: [\s+|] | ESCAPE[nrt] )+ )
    | (?P<hex> (?: ESCAPEx[0-9a-fA-F]{2} )+ )
    | (?P<utf16> (?: ESCAPEu[0-9a-fA-F]{4} )+ )
    | ESCAPEU(?P<number> (?:000[0-9a-fA-F]|0010)[0-9a-fA-F]{4} )
    | ESCAPE
    | (?P<url> (?: (?!BACKSLASH) %(?:25)* (?!ALNUM) [0-9a-fA-F]{2} )+ )
    """.replace("ESCAPE", "(?:BACKSLASH)+")
    .replace("BACKSLASH", r"\\|%(?:25)*5[cC]")
    .replace("ALNUM", r"3\d|[46][1-9a-fA-F]|[57][\daA]"),  # those that no URL escapes
    re.VERBOSE,
)
#: What a byte that is no UTF-8 stands for: repr of a text has numbers of characters.
_LATIN_1 = {0xDC00 + byte: byte for byte in range(128, 256)}
#: A line that is taken out where it stands alone, too.
_LINE_OF_KEY = r"(?=.*\w)\S{16,}\Z"
_CLOUD = {
    "aws-secrets-manager": "AwsSecretsManager",
    "gcp-secret-manager": "GcpSecretManager",
    "az-key-vault": "AzKeyVault",
}

_backends = {}
_values = set()  # those that this process has fetched


class SecretsProvider:
    """The base of backends. A class names itself with ``TYPE`` and fetches with ``get_secret_as_dict``."""

    #: The name of the backend, as sources of ``@secrets`` have it.
    TYPE: "Any" = None

    def get_secret_as_dict(self, secret_id, options=None, role=None):
        """The environment variables of one secret, as a dict of texts.

        ``secret_id`` is the ``id`` of the source, ``options`` its dict of options, ``role`` the role to take on.
        """
        raise NotImplementedError


def register(backend):
    """Add a backend, a SecretsProvider class. Another with the same TYPE is replaced. Usable as a decorator."""
    if not isinstance(backend, type) or not callable(getattr(backend, "get_secret_as_dict", None)) or not backend.TYPE:
        raise MetaflowException("A secrets backend must be a class with TYPE, its name, and get_secret_as_dict.")
    _backends[backend.TYPE] = backend
    return backend


@register
class InlineSecrets(SecretsProvider):
    """Values that stand in the flow's file: for tests."""

    TYPE = "inline"

    def get_secret_as_dict(self, secret_id, options=None, role=None):
        """What the option ``env_vars`` has."""
        return (options or {}).get("env_vars", {})


@register
class FileSecrets(SecretsProvider):
    """A file of lines ``NAME=value``, or of one JSON object. ``id`` is its path."""

    TYPE = "file"

    def get_secret_as_dict(self, secret_id, options=None, role=None):
        """All that the file has."""
        path = os.path.expanduser(secret_id)
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise MetaflowException("@secrets: the file '%s' cannot be read: %s" % (path, why)) from None
        if text.lstrip().startswith("{"):
            with library():
                from json import loads

            try:
                return loads(text)
            except ValueError:
                # The error's own text could quote the file.
                raise MetaflowException("@secrets: the file '%s' begins like JSON but is not valid" % path) from None
        return dict(self._lines(path, text))

    def _lines(self, path, text):
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            name, equals, value = line.partition("=")
            if not equals:
                raise MetaflowException("@secrets: line %d of the file '%s' is not NAME=value" % (number, path))
            name, value = name.removeprefix("export ").strip(), value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            yield name, value


@register
class EnvironmentSecrets(SecretsProvider):
    """Variables that the run was started with. ``id`` is the name; the option ``as`` gives it another for the step.

    The step then fails where the variable is missing, before any of its code runs.
    """

    TYPE = "environment"

    def get_secret_as_dict(self, secret_id, options=None, role=None):
        """The one variable."""
        value = os.environ.get(secret_id)
        if value is None:
            raise MetaflowException(
                "@secrets: the environment variable '%s' is not set. Set it where the run is started." % secret_id
            )
        return {(options or {}).get("as", secret_id): value}


def _backend(name):
    """An instance of a backend. MetaflowException if there is none of this name."""
    if name not in _backends and name in _CLOUD:
        from . import secret_clouds

        return getattr(secret_clouds, _CLOUD[name])()
    if name not in _backends:
        _load_installed()
    if name not in _backends:
        raise MetaflowException(
            "Unknown secrets backend type %s (available types: %s)" % (name, ", ".join(sorted({*_backends, *_CLOUD})))
        )
    return _backends[name]()


def _load_installed():
    """Register the backends of installed packages."""
    from importlib.metadata import entry_points

    found = entry_points()
    found = found.select(group="levada.secrets") if hasattr(found, "select") else found.get("levada.secrets", ())
    for entry in found:
        if entry.name not in _backends:
            register(entry.load())


class _Source:
    """One source of secrets, as it was asked for."""

    def __init__(self, asked, role):
        self.options, self.role = {}, role
        if isinstance(asked, str):
            name, dot, self.id = asked.partition(".")
            if not dot:
                name, self.id = _default_backend(), asked
        elif isinstance(asked, dict):
            unknown = sorted(set(asked) - {"type", "id", "options", "role"})
            if unknown:
                raise MetaflowException(
                    "Bad @secrets specification - unknown key '%s'. The keys are type, id, options and role."
                    % unknown[0]
                )
            name = asked.get("type") or _default_backend()
            self.id = asked.get("id")
            self.options = asked.get("options") or {}
            self.role = asked.get("role") or role
            if not isinstance(name, str):
                raise MetaflowException("Bad @secrets specification - 'type' must be a string - found %s" % type(name))
            if not isinstance(self.id, str):
                raise MetaflowException("Bad @secrets specification - 'id' must be a string - found %s" % type(self.id))
            if not isinstance(self.options, dict):
                raise MetaflowException(
                    "Bad @secrets specification - 'options' must be a dict - found %s" % type(self.options)
                )
        else:
            raise MetaflowException("Bad @secrets specification - must be a string or a dict - found %s" % type(asked))
        self.type = name

    def fetch(self):
        """The environment variables, checked."""
        found = _backend(self.type).get_secret_as_dict(self.id, self.options, self.role)
        if not isinstance(found, dict):
            raise MetaflowException("%s: the backend must return a dict, not %s" % (self, type(found)))
        for name, value in found.items():
            if not isinstance(name, str):
                raise MetaflowException("Found non string key %r (%s)" % (name, type(name)))
            if not isinstance(value, str):
                raise MetaflowException("Found non string value of '%s' (%s)" % (name, type(value)))
            if not re.match(_NAME, name):
                raise MetaflowException("Found invalid env var name '%s'." % name)
            if name.startswith("METAFLOW_"):
                raise MetaflowException("Found disallowed env var name '%s' (starts with 'METAFLOW_')." % name)
        return found

    def __str__(self):
        return "Secret '%s (%s)'" % (self.id, self.type)


def _default_backend():
    name = os.environ.get("METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE")
    if not name:
        raise MetaflowException(
            "No default secrets backend type configured, but needed by @secrets. "
            "Set METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE, or write the source as 'backend.secret'."
        )
    return name


def get_secret(source, role=None):
    """The environment variables of one source, as a dict; the source is written as in ``@secrets``."""
    found = _Source(source, role or os.environ.get("METAFLOW_DEFAULT_SECRETS_ROLE")).fetch()
    _remember(found.values())
    return found


def fetch_all(attributes):
    """The environment variables of a ``@secrets``. MetaflowException where they clash with others."""
    role = attributes.get("role") or os.environ.get("METAFLOW_DEFAULT_SECRETS_ROLE")
    found, origin = {}, {}
    for asked in attributes.get("sources") or ():
        source = _Source(asked, role)
        for name, value in source.fetch().items():
            if name in origin:
                raise MetaflowException(
                    "%s will inject '%s' as env var, and it is also added by '%s (%s)'"
                    % (source, name, origin[name].id, origin[name].type)
                )
            there = os.environ.get(name)
            if source.type == EnvironmentSecrets.TYPE and there == value:
                there = None  # it is that variable itself
            if there is not None and not attributes.get("allow_override"):
                raise MetaflowException("%s will inject '%s' as env var, but it already exists in env" % (source, name))
            found[name], origin[name] = value, source
    return found


def with_secrets(function, attributes):
    """A step's function that has the secrets in its environment."""

    def run(*arguments):
        found = fetch_all(attributes)
        _remember(found.values())
        os.environ.update(found)
        return function(*arguments)

    run.__wrapped__ = function
    if hasattr(function, "runs_fallback"):
        run.runs_fallback = True
    return run


def masked(attributes):
    """The attributes of a ``@secrets`` as others may see them: without the values of its options."""

    def mask(value):
        if isinstance(value, dict):
            return {key: mask(part) for key, part in value.items()}
        return [mask(part) for part in value] if isinstance(value, (list, tuple)) else _MASK

    if not isinstance(attributes.get("sources") or [], (list, tuple)):
        return attributes  # which the host refuses
    sources = [
        dict(source, options=mask(source["options"])) if isinstance(source, dict) and "options" in source else source
        for source in attributes.get("sources") or ()
    ]
    return dict(attributes, sources=sources)


def _remember(values):
    _values.update(value.strip() for value in values if len(value.strip()) >= _SHORTEST)


def redacted(text):
    """The text without the values of the secrets that this process has fetched, however they are written in it."""
    parts = {part for value in _values for part in _parts(value)}
    if not parts:
        return text
    meant = _Meant(text)
    spans = [span for part in parts for span in (*_found(part, text), *meant.spans(part))]
    out, at = [], 0
    for begin, end in sorted(spans):
        if begin >= at:
            out += text[at:begin], _MASK
        at = max(at, end)
    return "".join(out) + text[at:]


def _parts(value):
    """What is taken out for a value: all of it, and lines that mean nothing but themselves, such as those of a key."""
    yield value
    if "\n" in value:
        yield from (line for line in map(str.strip, value.split("\n")) if re.match(_LINE_OF_KEY, line))


def _found(part, text):
    """Begin and end of each place where a text has a part."""
    begin = text.find(part)
    while begin >= 0:
        end = begin + len(part)
        yield begin, end
        begin = text.find(part, end)


class _Meant:
    """What a text means: the same for a value and for all ways to write it.

    White space is one space, escapes are what they stand for, and other backslashes are nothing. A value is then found
    in time in proportion to the text. A regular expression for all ways to write it could take for ever: each of
    several backslashes may belong to what stands before them or to what follows.
    """

    def __init__(self, text):
        self._tokens = []  # of what is written otherwise: where it begins in what is meant and in the text, and ends
        pieces, last, at, length = [], "", 0, 0
        for token in _WRITTEN.finditer(text):
            begin, end = token.span()
            last = text[at:begin] or last
            meant = _meant(token)
            if last[-1:] == " ":
                meant = meant.lstrip(" ")
            length += begin - at
            self._tokens.append((length, begin, length + len(meant), end))
            length += len(meant)
            pieces += text[at:begin], meant
            last, at = meant or last, end
        self.text = "".join(pieces) + text[at:]

    def spans(self, value):
        """Begin and end of each place in the text that means the value."""
        value = _Meant(value).text
        if len(value.replace(" ", "")) >= _SHORTEST:
            for begin, end in _found(value, self.text):
                yield self._place(begin)[0], self._place(end - 1)[1]

    def _place(self, at):
        """Where the text has the character that is at this place in what is meant."""
        before = bisect_right(self._tokens, (at, float("inf"))) - 1
        if before < 0:
            return at, at + 1
        _, begin, behind, end = self._tokens[before]
        return (begin, end) if at < behind else (end + at - behind, end + at - behind + 1)


def _meant(token):
    """What a token stands for."""
    written, kind = token.group(), token.lastgroup
    if kind == "space":
        return " "
    if kind == "number":
        meant = chr(int(token.group(kind), 16))
    elif kind == "utf16":
        meant = _data("u(....)", written).decode("utf-16-be", "surrogatepass")
    elif kind in ("hex", "url"):
        data = _data("x(..)" if kind == "hex" else "%(?:25)*([0-9a-fA-F]{2})", written)
        meant = data.decode(errors="surrogateescape").translate(_LATIN_1)
    else:
        return ""
    return re.sub(r"[\s+|]+", " ", meant)


def _data(pattern, written):
    return bytes.fromhex("".join(re.findall(pattern, written)))
