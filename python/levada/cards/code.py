"""Python source with its keywords, texts, numbers and comments marked."""

from io import StringIO
from keyword import iskeyword

from ..standard import library

with library():
    import token
    from html import escape
    from tokenize import COMMENT, NAME, NUMBER, STRING, TokenError, generate_tokens

_KINDS = {STRING: "s", NUMBER: "n", COMMENT: "c"}


def highlight(source):
    """The HTML of Python source; of what is no Python, the text."""
    lines = source.split("\n")
    out = []
    row, column = 1, 0

    def up_to(end_row, end_column):
        nonlocal row, column
        while row < end_row and row <= len(lines):
            out.append(escape(lines[row - 1][column:]) + "\n")
            row, column = row + 1, 0
        if row <= len(lines):
            out.append(escape(lines[row - 1][column:end_column]))
            column = end_column

    try:
        for token in generate_tokens(StringIO(source).readline):
            kind = _KINDS.get(token.type) or ("k" if token.type == NAME and iskeyword(token.string) else None)
            if token.type in _FSTRING:
                kind = "s"
            if kind is None or not token.string:
                continue
            up_to(*token.start)
            out.append('<span class="%s">%s</span>' % (kind, escape(token.string)))
            row, column = token.end
    except (TokenError, SyntaxError, IndentationError):
        pass  # the rest stays plain
    up_to(len(lines), len(lines[-1]))
    return "".join(out)


def _fstring_kinds():
    return frozenset(
        getattr(token, name) for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END") if hasattr(token, name)
    )


_FSTRING = _fstring_kinds()
