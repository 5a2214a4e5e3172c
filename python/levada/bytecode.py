"""Keeps the SDK's own bytecode where Python was told to write none.

Container images commonly set PYTHONDONTWRITEBYTECODE. It would have every run compile the SDK again, which takes longer
than a small flow. The folder that the binary unpacked the SDK into is its own, so the bytecode may lie there.
"""

import os
import sys


def keep():
    """Write the bytecode that is missing, in a process beside this one, if the folder is Levada's."""
    package = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(package)
    if not sys.dont_write_bytecode or os.path.exists(__spec__.cached):
        return
    if not os.path.exists(os.path.join(root, ".complete")) or not os.access(package, os.W_OK):
        return
    try:
        if os.fork() != 0:
            return
    except OSError:
        return  # a limit is reached: who needs a process will say so
    try:
        os.setsid()  # most runs are over sooner, and what they leave behind in their process groups is killed
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # who reads what the run prints must not wait for this process
            os.dup2(nothing, stream)
        os.closerange(3, 256)  # the host must not take it for the worker
        os.nice(10)
        _compile(root)
    finally:
        os._exit(0)


def _compile(root):
    """Compile what is not compiled; this file last, since its bytecode says that there is that of all others."""
    from importlib.util import cache_from_source
    from py_compile import compile

    this = os.path.abspath(__file__)
    files = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names if name[-3:] == ".py"]
    for file in sorted(files, key=this.__eq__):
        if not os.path.exists(cache_from_source(file)):
            compile(file, quiet=2)
