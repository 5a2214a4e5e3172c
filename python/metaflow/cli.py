"""What integrations print with. The command line itself is Levada's own."""

import sys

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []


def echo_always(line, indent=False, err=True, nl=True, **style):
    """Print a line, on stderr unless ``err`` is False. The asterisks that Metaflow makes colours of are left out."""
    line = str(line).replace("*", "")
    if indent:
        line = "\n".join("    " + part for part in line.splitlines())
    print(line, end="\n" if nl else "", file=sys.stderr if err else sys.stdout, flush=True)
