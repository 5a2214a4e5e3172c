"""Helpers under Metaflow's module path."""

import os

from levada.exceptions import MetaflowUnknownUser


def get_username():
    """The name of the user who runs this process, or None."""
    for variable in ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER"):
        name = os.environ.get(variable)
        if name and (name != "root" or variable == "METAFLOW_USER"):
            return name
    return None


def resolve_identity():
    """Who runs this process: ``production:<token>`` or ``user:<name>``."""
    token = os.environ.get("METAFLOW_PRODUCTION_TOKEN")
    if token:
        return "production:" + token
    name = get_username()
    if not name:
        raise MetaflowUnknownUser()
    return "user:" + name
