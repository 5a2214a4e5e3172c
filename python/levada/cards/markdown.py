"""Markdown as HTML: headings, emphasis, lists, code, quotes, tables, links, pictures.

A small part of CommonMark with GitHub's tables and strikethrough, rendered with care: everything is escaped, HTML in
the text is text, links lead to http, https, mailto and places in the page only, and pictures are ``data:image/`` ones,
since a card loads nothing. What it does not know stays as it was written.
"""

from html import escape, unescape
from re import IGNORECASE, MULTILINE
from re import compile as pattern

_FENCE = pattern(r" {0,3}(```+|~~~+)[ \t]*([^`\s]*)[^`]*$")
_HEADING = pattern(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_RULE = pattern(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_ITEM = pattern(r"( {0,3})([-*+]|\d{1,9}[.)])(?:([ \t]+)(.*)|$)")
_QUOTE = pattern(r" {0,3}> ?")
_UNDERLINE = pattern(r" {0,3}(=+|-+)[ \t]*$")
_DIVIDER = pattern(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_TASK = pattern(r"\[([ xX])\][ \t]+")
_CELLS = pattern(r"(?<!\\)\|")
_CODE = pattern(r"(`+)(.+?)(?<!`)\1(?!`)")
_RUN = pattern(r"(.)\1*")
_SPACES = pattern(r"[ \t]{2,}\n|\\\n", MULTILINE)
_LINK_TARGET = pattern(r"\(\s*(<[^<>\n]*>|(?:[^\s()]|\([^\s()]*\))*)(?:\s+(?:\"([^\"]*)\"|'([^']*)'))?\s*\)")
_ENTITY = pattern(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]*);")
_BREAK = pattern(r"<br\s*/?>", IGNORECASE)
_AUTO = pattern(r"<((?:https?://|mailto:)[^\s<>]+)>")
_BARE = pattern(r"https?://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]*_~]")
_SAFE = pattern(r"(https?://|mailto:|#)", 2)
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
#: A text with more levels of nesting than this is shown as it is.
_DEEPEST = 20


def to_html(text, level=1):
    """The HTML of a Markdown text; its first-level headings become those of ``level`` + 1."""
    lines = text.expandtabs(4).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join(_blocks(lines, level, 0))


def _blocks(lines, level, depth):
    if depth > _DEEPEST:
        yield "<p>%s</p>\n" % escape("\n".join(lines))
        return
    i = 0
    while i < len(lines):
        line = lines[i]
        if not line.strip():
            i += 1
            continue
        fence = _FENCE.match(line)
        if fence:
            i, code = _fenced(lines, i, fence.group(1))
            yield _code_block(code, fence.group(2))
        elif line.startswith("    "):
            i, code = _indented(lines, i)
            yield _code_block(code, "")
        elif _HEADING.match(line):
            marks, title = _HEADING.match(line).groups()
            yield _heading(len(marks), title or "", level)
            i += 1
        elif _RULE.match(line):
            yield "<hr>\n"
            i += 1
        elif _QUOTE.match(line):
            i, inner = _quoted(lines, i)
            yield "<blockquote>\n%s</blockquote>\n" % "".join(_blocks(inner, level, depth + 1))
        elif _ITEM.match(line):
            i, html = _list(lines, i, level, depth)
            yield html
        elif (
            i + 1 < len(lines)
            and "|" in line
            and _DIVIDER.match(lines[i + 1])
            and "-" in lines[i + 1]
            and _widths(line, lines[i + 1])
        ):
            i, html = _table(lines, i)
            yield html
        else:
            i, html = _paragraph(lines, i, level)
            yield html


def _heading(number, title, level):
    return "<h%d>%s</h%d>\n" % (min(number + level, 6), inline(title), min(number + level, 6))


def _fenced(lines, i, fence):
    code = []
    indent = len(lines[i]) - len(lines[i].lstrip(" "))
    i += 1
    while i < len(lines):
        line = lines[i]
        i += 1
        bare = line.strip()
        if bare.startswith(fence) and not bare.strip(fence[0]) and not line.startswith("    "):
            break
        code.append(line[indent:] if not line[:indent].strip() else line)
    return i, "\n".join(code)


def _indented(lines, i):
    code = []
    while i < len(lines) and (lines[i].startswith("    ") or not lines[i].strip()):
        code.append(lines[i][4:])
        i += 1
    return i, "\n".join(code).rstrip("\n")


def _code_block(code, language):
    if language.lower() in ("python", "py", "python3"):
        from .code import highlight

        inner = highlight(code)
    else:
        inner = escape(code)
    return '<pre tabindex="0"><code>%s\n</code></pre>\n' % inner


def _quoted(lines, i):
    inner = []
    while i < len(lines) and lines[i].strip():
        mark = _QUOTE.match(lines[i])
        if mark is None and _starts_block(lines[i]):
            break
        inner.append(lines[i][mark.end() :] if mark else lines[i])
        i += 1
    return i, inner


def _starts_block(line):
    return bool(
        _FENCE.match(line) or _HEADING.match(line) or _RULE.match(line) or _ITEM.match(line) or _QUOTE.match(line)
    )


def _list(lines, i, level, depth):
    first = _ITEM.match(lines[i])
    ordered = first.group(2)[-1] in ".)"
    kind = first.group(2)[-1]
    items, loose = [], False
    while i < len(lines):
        match = _ITEM.match(lines[i])
        if match is None or match.group(2)[-1] != kind or _RULE.match(lines[i]):
            break
        spaces = len(match.group(3) or " ")
        indent = len(match.group(1)) + len(match.group(2)) + (spaces if spaces <= 4 else 1)
        inner, i, blank_inside = _item(lines, i, indent)
        items.append(inner)
        ahead = i
        while ahead < len(lines) and not lines[ahead].strip():
            ahead += 1
        again = _ITEM.match(lines[ahead]) if ahead < len(lines) else None
        follows = again is not None and again.group(2)[-1] == kind
        loose = loose or blank_inside or (follows and ahead > i)
        if not follows:
            break
        i = ahead
    tag = "ol" if ordered else "ul"
    start = int(first.group(2)[:-1]) if ordered else 1
    html = "".join(_item_html(inner, loose, level, depth) for inner in items)
    return i, "<%s%s>\n%s</%s>\n" % (tag, ' start="%d"' % start if start != 1 else "", html, tag)


def _item(lines, i, indent):
    """The lines of one item without their indentation, where it ends, and whether blank lines part its blocks."""
    inner = [lines[i][indent:]]
    i += 1
    blanks = 0
    parted = False
    while i < len(lines):
        line = lines[i]
        if not line.strip():
            blanks += 1
        elif len(line) - len(line.lstrip(" ")) >= indent:
            parted = parted or blanks > 0
            inner += [""] * blanks + [line[indent:]]
            blanks = 0
        elif blanks or _starts_block(line):
            break
        else:
            inner.append(line.lstrip(" "))  # a paragraph goes on
        i += 1
    return inner, i - blanks, parted


def _item_html(inner, loose, level, depth):
    box = ""
    task = _TASK.match(inner[0])
    if task:
        box = "☐ " if task.group(1) == " " else "☑ "
        inner = [inner[0][task.end() :], *inner[1:]]
    html = "".join(_blocks(inner, level, depth + 1))
    if not loose and html.startswith("<p>"):
        end = html.index("</p>")
        html = html[3:end] + html[end + 4 :]
    elif box and html.startswith("<p>"):
        return "<li><p>%s%s</li>\n" % (box, html[3:].rstrip("\n"))
    return "<li>%s%s</li>\n" % (box, html.rstrip("\n"))


def _split_row(line):
    line = line.strip()
    if line.startswith("|"):
        line = line[1:]
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)]


def _widths(head, divider):
    return len(_split_row(head)) == len(_split_row(divider))


def _table(lines, i):
    head = _split_row(lines[i])
    styles = []
    for mark in _split_row(lines[i + 1]):
        left, right = mark.startswith(":"), mark.endswith(":")
        styles.append(' class="%s"' % ("centre" if left and right else "num") if right else "")
    out = ['<div class="scroll" tabindex="0"><table>\n<thead><tr>']
    out += ['<th scope="col"%s>%s</th>' % (style, inline(cell)) for cell, style in zip(head, styles)]
    out.append("</tr></thead>\n<tbody>\n")
    i += 2
    while i < len(lines) and lines[i].strip() and not _starts_block(lines[i]):
        row = _split_row(lines[i])
        row = (row + [""] * len(head))[: len(head)]
        out.append(
            "<tr>%s</tr>\n" % "".join("<td%s>%s</td>" % (style, inline(cell)) for cell, style in zip(row, styles))
        )
        i += 1
    return i, "".join(out) + "</tbody></table></div>\n"


def _paragraph(lines, i, level):
    text = [lines[i].strip(" ")]
    text[0] = lines[i].lstrip(" ")
    i += 1
    while i < len(lines) and lines[i].strip():
        under = _UNDERLINE.match(lines[i])
        if under:
            return i + 1, _heading(1 if under.group(1)[0] == "=" else 2, "\n".join(text), level)
        item = _ITEM.match(lines[i])
        if item:
            if (item.group(4) or "").strip() and item.group(2) in ("-", "*", "+", "1.", "1)"):
                break
        elif _starts_block(lines[i]):
            break
        text.append(lines[i].lstrip(" "))
        i += 1
    return i, "<p>%s</p>\n" % inline("\n".join(text).rstrip())


# Inside a block.


def inline(text):
    """The HTML of a text without blocks: emphasis, code, links, pictures."""
    return _Inline(text).html()


class _Inline:
    """Reads a text once, left to right; what opens emphasis is closed by the nearest of its kind."""

    def __init__(self, text, links=True):
        self.text = text
        self.links = links
        self.out = []
        self.open = []  # (mark, index in out)
        self.pairs = None  # of brackets, once they are asked for

    def html(self):
        text, i = self.text, 0
        while i < len(text):
            c = text[i]
            step = self._special(c, i)
            if step:
                i += step
            else:
                self.out.append(escape(c))
                i += 1
        return "".join(self.out)

    def _special(self, c, i):
        """How many characters were read of what begins at i; 0 if it is plain."""
        text = self.text
        if c == "\\" and i + 1 < len(text) and text[i + 1] in _PUNCTUATION:
            self.out.append(escape(text[i + 1]))
            return 2
        if c in " \\":
            match = _SPACES.match(text, i)
            if match:
                self.out.append("<br>\n")
                return match.end() - i
        elif c == "`":
            match = _CODE.match(text, i)
            if match:
                code = match.group(2)
                if code.strip() and code[0] == code[-1] == " ":
                    code = code[1:-1]
                self.out.append("<code>%s</code>" % escape(code))
                return match.end() - i
            run = _RUN.match(text, i).end() - i
            self.out.append("`" * run)
            return run
        elif c in "*_" or text.startswith("~~", i):
            return self._emphasis(c, i)
        elif c == "!" and text.startswith("![", i):
            return self._bracket(i + 1, True)
        elif c == "[":
            return self._bracket(i, False)
        elif c == "&":
            match = _ENTITY.match(text, i)
            meant = unescape(match.group()) if match else ";"
            if not meant.endswith(";"):  # else there is no such entity
                self.out.append(escape(meant))
                return match.end() - i
        elif c == "<":
            match = _BREAK.match(text, i)  # the only way to break a line in the cell of a table
            if match:
                self.out.append("<br>\n")
                return match.end() - i
            match = _AUTO.match(text, i)
            if match and self.links:
                self._link(match.group(1), escape(match.group(1)), None)
                return match.end() - i
        elif c == "h" and self.links and (i == 0 or not text[i - 1].isalnum()):
            match = _BARE.match(text, i)
            if match:
                self._link(match.group(), escape(match.group()), None)
                return match.end() - i
        return 0

    def _emphasis(self, c, i):
        text = self.text
        run = _RUN.match(text, i).end() - i
        before = text[i - 1] if i else " "
        after = text[i + run] if i + run < len(text) else " "
        opens, closes = not after.isspace(), not before.isspace()
        if c == "_":  # not inside a word
            opens, closes = opens and not before.isalnum(), closes and not after.isalnum()
        if c == "~":
            marks = ["~~"] if run == 2 else []
        else:
            marks = [c * 2, c] if run >= 3 else [c * run]
            if closes and run >= 3 and self.open and self.open[-1][0] == c:
                marks.reverse()
        left = run - sum(map(len, marks))
        for mark in marks:
            if closes and self._close(mark):
                continue
            if opens:
                self.open.append((mark, len(self.out)))
            self.out.append(escape(mark))
        self.out.append(escape(c * left))
        return run

    def _close(self, mark):
        for n in range(len(self.open) - 1, -1, -1):
            if self.open[n][0] == mark:
                at = self.open[n][1]
                if at + 1 >= len(self.out):
                    return False  # nothing between
                del self.open[n:]
                tag = "del" if mark == "~~" else "strong" if len(mark) == 2 else "em"
                self.out[at] = "<%s>" % tag
                self.out.append("</%s>" % tag)
                return True
        return False

    def _bracket(self, i, picture):
        """A link or picture whose bracket opens at i; how many characters were read, from the exclamation mark on."""
        text = self.text
        if self.pairs is None:
            self.pairs = _pairs(text)
        end = self.pairs.get(i)
        match = _LINK_TARGET.match(text, end + 1) if end is not None else None
        if match is None or (not picture and not self.links):
            return 0
        label = text[i + 1 : end]
        target = match.group(1)
        if target[:1] == "<":
            target = target[1:-1]
        title = match.group(2) if match.group(2) is not None else match.group(3)
        if picture:
            self._picture(target, label, title)
            return match.end() - i + 1
        self._link(target, _Inline(label, links=False).html(), title)
        return match.end() - i

    def _link(self, target, html, title):
        target = target.strip()
        if not _SAFE.match(target):
            self.out.append(html)
            return
        mark = ' title="%s"' % escape(title) if title else ""
        leave = "" if target[0] == "#" else ' target="_blank" rel="noopener noreferrer"'
        self.out.append('<a href="%s"%s%s>%s</a>' % (escape(target), mark, leave, html))

    def _picture(self, target, label, title):
        if not is_picture(target):
            self.out.append('<span class="missing">[picture: %s]</span>' % escape(label or "not in the card"))
            return
        mark = ' title="%s"' % escape(title) if title else ""
        self.out.append('<img src="%s" alt="%s"%s>' % (escape(target), escape(label), mark))


def _pairs(text):
    """Where each square bracket that opens is closed."""
    found, opened, i = {}, [], 0
    while i < len(text):
        if text[i] == "\\":
            i += 1
        elif text[i] == "[":
            opened.append(i)
        elif text[i] == "]" and opened:
            found[opened.pop()] = i
        i += 1
    return found


_PICTURE = pattern(r"data:image/[A-Za-z0-9.+-]+(;[A-Za-z0-9=-]+)*,[A-Za-z0-9+/=%\s._~:;,()'!*-]*\Z")


_NO_PART_OF_A_URL = pattern(r"[^A-Za-z0-9+/=%\s._~:;,()'!*-]+|%(?![0-9A-Fa-f]{2})")


def picture_url(source):
    """The source of a picture as URLs are written: an SVG is often put into one as it is, with < and #."""
    kind, comma, picture = source.partition(",")
    if not kind.startswith("data:image/svg+xml") or kind.endswith(";base64"):
        return source

    def escaped(found):
        return "".join("%%%02X" % byte for byte in found.group().encode(errors="replace"))

    return kind + comma + _NO_PART_OF_A_URL.sub(escaped, picture)


def is_picture(source):
    """Whether a source of a picture is the picture itself, so that nothing is loaded for it."""
    return isinstance(source, str) and bool(_PICTURE.match(source))
