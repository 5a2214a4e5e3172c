"""Parsers for configs: of YAML, and of the files in which Python projects list their packages."""

from .exceptions import MetaflowException
from .standard import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_REQUIREMENT = r"^\s*(%s)\s*(?:\[([^\]]*)\])?\s*(?:@\s*(\S+)|\(?([^;()]*)\)?)\s*(;.*)?$" % _NAME
_VERSION = r"^\s*(===|==|~=|!=|<=|>=|<|>)\s*([A-Za-z0-9.*+!_-]+)\s*$"


class ParserValueError(MetaflowException):
    """The text is not of the form that the parser reads."""

    headline = "Value error"


def yaml_parser(content: str) -> "Any":
    """The value of a YAML text. Needs the package PyYAML."""
    return _yaml().safe_load(content)


def _yaml():
    try:
        import yaml
    except ImportError:
        raise MetaflowException(
            "YAML is read by the package PyYAML, which this Python does not have: pip install pyyaml"
        ) from None
    return yaml


def _toml(text):
    try:
        import tomllib
    except ImportError:
        try:
            import tomli as tomllib
        except ImportError:
            raise MetaflowException(
                "TOML is read by Python 3.11 and later, or by the package tomli, which this Python does not have: "
                "pip install tomli"
            ) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ParserValueError("This is not TOML: %s" % error) from None


def _requirement(line):
    """Name with extras, and version of a requirement; a version that is exact stands without ``==``."""
    import re

    found = re.match(_REQUIREMENT, line)
    if found is None:
        raise ParserValueError("Not a valid requirement: '%s'. It is written as in PEP 508: name>=1.0" % line)
    name, extras, url, versions, marker = found.groups()
    if marker:
        raise ParserValueError("Environment markers (after the semicolon) are not supported: '%s'" % line)
    if extras:
        name += "[%s]" % ",".join(sorted(extra.strip() for extra in extras.split(",")))
    if url:
        return "%s@%s" % (name, url), ""
    parts = [part for part in (versions or "").split(",") if part.strip()]
    specifiers = []
    for part in parts:
        version = re.match(_VERSION, part)
        if version is None:
            raise ParserValueError("Not a valid requirement: '%s'. It is written as in PEP 508: name>=1.0" % line)
        specifiers.append("".join(version.groups()))
    if len(specifiers) == 1 and specifiers[0].startswith("==") and not specifiers[0].startswith("==="):
        return name, specifiers[0][2:]
    return name, ",".join(sorted(specifiers))


def requirements_txt_parser(content: str) -> "dict[str, Any]":
    """The packages of a requirements.txt: ``{"packages": {name: version}, "python": version or None}``.

    Fits ``@pypi(**config)``. Options such as ``-r``, and environment markers, are a ParserValueError.
    """
    import re

    found = {"packages": {}, "python": None}
    for line in content.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not line:
            continue
        name, version = _requirement(line)
        if name == "python":
            found["python"] = version
        else:
            found["packages"][name] = version
    return found


def pyproject_toml_parser(content: str) -> "dict[str, Any]":
    """The packages of a pyproject.toml, of its ``project.dependencies`` and ``requires-python``; see above."""
    project = _toml(content).get("project", {})
    found = requirements_txt_parser("\n".join(project.get("dependencies", ())))
    if project.get("requires-python"):
        found["python"] = project["requires-python"]
    return found


def conda_environment_yml_parser(content: str) -> "dict[str, Any]":
    """The packages of a conda environment.yml, of its ``dependencies``; see above. It has no ``pip:`` section."""
    import re

    found = {"packages": {}, "python": None}
    data = _yaml().safe_load(content)
    for line in (data.get("dependencies") if isinstance(data, dict) else None) or ():
        if not isinstance(line, str):
            raise ParserValueError("Unsupported subsection '%s:' in environment.yml." % next(iter(line), "?"))
        matched = re.match(r"^\s*([A-Za-z0-9_.:/-]+)\s*(.*)$", line)
        if matched is None:
            raise ParserValueError("Not a conda package: '%s'" % line)
        name, version = matched.groups()
        if version.startswith("="):
            version = version.lstrip("=")
        if name == "python":
            found["python"] = version or None
        else:
            found["packages"][name] = version
    return found
