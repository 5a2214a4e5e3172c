"""Helpers under Metaflow's module path, for projects that use them."""

import os
import shutil
import tempfile
import zlib
from functools import cached_property  # noqa: F401
from io import BytesIO
from shutil import which  # noqa: F401

from levada.exceptions import MetaflowInternalError
from levada.identity import own_namespace as resolve_identity
from levada.identity import user_name as get_username  # noqa: F401

unicode_type = str
bytes_type = bytes


def resolve_identity_as_tuple():
    """Who runs this process: kind, ``production`` or ``user``, and token or name."""
    kind, _, name = resolve_identity().partition(":")
    return kind, name


def is_stringish(value):
    """Whether a value is text or bytes."""
    return isinstance(value, (str, bytes))


def to_unicode(value):
    """The value as text; bytes are decoded as UTF-8."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def to_bytes(value):
    """The value as bytes; text is encoded as UTF-8."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8")


def to_fileobj(value):
    """The value, text or bytes, as a file that can be read."""
    return BytesIO(to_bytes(value))


def to_pod(value):
    """The value with nothing in it but dicts, lists, texts and numbers: what has no such form is its text."""
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, dict):
        return {to_pod(key): to_pod(part) for key, part in value.items()}
    if isinstance(value, (list, set, tuple)):
        return [to_pod(part) for part in value]
    return value.__name__ if isinstance(value, type) else str(value)


def to_camelcase(value):
    """The value with the keys of its dicts as ``camelCase`` instead of ``snake_case``, at every depth."""
    return _renamed(value, _camelcase)


def to_pascalcase(value):
    """The value with the first letter of the keys of its dicts in upper case, at every depth."""
    return _renamed(value, lambda key: key[:1].upper() + key[1:])


def _camelcase(key):
    first, *rest = key.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _renamed(value, rename):
    if isinstance(value, dict):
        return {rename(key): _renamed(part, rename) for key, part in value.items()}
    return [_renamed(part, rename) for part in value] if isinstance(value, list) else value


def all_equal(values):
    """Whether all elements are equal; also of none."""
    values = iter(values)
    try:
        first = next(values)
    except StopIteration:
        return True
    return all(value == first for value in values)


def longest_common_prefix(texts):
    """What all texts begin with."""
    return os.path.commonprefix(list(texts))


def url_quote(value):
    """A text with all that is special in a URL quoted, as bytes."""
    from urllib.parse import quote

    return to_bytes(quote(to_bytes(value), safe="/:"))


def url_unquote(value):
    """Undo url_quote; the result is text."""
    from urllib.parse import unquote

    return unquote(to_unicode(value))


def unquote_bytes(value):
    """Undo url_quote; the result is text."""
    return url_unquote(value)


def compress_list(values, separator=",", rangedelim=":", zlibmarker="!", zlibmin=500):
    """Texts as one: with what they begin with alike written once, compressed if that is long."""
    from base64 import b64encode

    for value in values:
        if separator in value or rangedelim in value or zlibmarker in value:
            raise MetaflowInternalError(
                "The text '%s' has one of the characters %s%s%s" % (value, separator, rangedelim, zlibmarker)
            )
    if not values:
        return ""
    prefix = os.path.commonprefix(values)
    text = prefix + rangedelim + separator.join(value[len(prefix) :] for value in values)
    if len(values) == 1:
        text = values[0]
    if len(text) > zlibmin:
        return zlibmarker + b64encode(zlib.compress(text.encode("utf-8"))).decode()
    return text


def decompress_list(text, separator=",", rangedelim=":", zlibmarker="!"):
    """Undo compress_list."""
    from base64 import b64decode

    if not text:
        return []
    if text.startswith(zlibmarker):
        text = zlib.decompress(b64decode(text[len(zlibmarker) :])).decode("utf-8")
    prefix, found, rest = text.partition(rangedelim)
    return [prefix + part for part in rest.split(separator)] if found else text.split(separator)


def dict_to_cli_options(params):
    """The options of a command line for a dict: True is a flag, a list is repeated, False and None are left out."""
    from shlex import quote

    for name, value in params.items():
        if value is None or value is False:
            continue
        option = "--" + ("with" if name == "decospecs" else name).replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            yield option
            if one is not True:
                yield quote(to_unicode(one))


def walk_without_cycles(top_root, exclude_dirs=()):
    """As ``os.walk`` with links to folders followed, but no folder twice on one way."""
    seen = set()

    def walk(root):
        real = os.path.realpath(root)
        if real in seen:
            return
        seen.add(real)
        for path, folders, files in os.walk(root):
            folders[:] = [folder for folder in folders if folder not in exclude_dirs]
            yield path, folders, files
            for folder in folders:
                inner = os.path.join(path, folder)
                if os.path.islink(inner):
                    yield from walk(inner)

    return walk(top_root)


class TempDir:
    """A temporary folder for the ``with`` statement."""

    def __enter__(self):
        self.name = tempfile.mkdtemp()
        return self.name

    def __exit__(self, *exc):
        shutil.rmtree(self.name, ignore_errors=True)


def get_metaflow_root():
    """The folder that the package ``metaflow`` is in."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
