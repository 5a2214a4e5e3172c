"""Metaflow's copies of other packages. Of these there is click, if this Python has it."""

import sys

try:
    import click
except ImportError:
    pass  # levada/absent.py says that it has to be installed
else:
    sys.modules[__name__ + ".click"] = click
