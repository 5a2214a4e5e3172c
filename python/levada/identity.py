"""Who runs this process: the user, and the namespace that the user's runs are in."""

import os

from .exceptions import MetaflowUnknownUser


def user_name():
    """The name of the user, found as the ``levada`` program finds it, or None."""
    for variable in ("LEVADA_USER", "METAFLOW_USER", "SUDO_USER", "USERNAME", "USER"):
        name = os.environ.get(variable)
        if name and name != "root":
            return name
    try:
        from pwd import getpwuid

        return getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return None


def own_namespace():
    """The namespace of the runs that this user starts: ``user:<name>`` or ``production:<token>``."""
    token = os.environ.get("METAFLOW_PRODUCTION_TOKEN")
    if token:
        return "production:" + token
    name = user_name()
    if not name:
        raise MetaflowUnknownUser()
    return "user:" + name
