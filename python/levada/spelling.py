"""Names that were meant, for messages about names that are not there."""


def meant(name, known):
    """A sentence that asks for the known name most like ``name``, with a space in front; empty if none is like it."""
    from difflib import get_close_matches  # only where something is wrong already

    close = get_close_matches(name, [one for one in known if one != name], 1)
    return " Did you mean '%s'?" % close[0] if close else ""
