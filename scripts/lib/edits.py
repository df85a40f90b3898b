"""What a repair may change in a migration: header values, the docstring's id lines, nothing else."""

import ast
import difflib
import re
import warnings
from collections import defaultdict

from headers import NAMES

DOCSTRING_LINE = re.compile(rb"^\s*(?:Revision ID|Revises)\s*:.*$", re.M)
HEADER_LINE = re.compile(rb"^(?:revision|down_revision|depends_on)\b.*$")
# Files beside migrations that keep a head's id.
MARKERS = {"head.txt", "HEAD", "HEADS", "EXPAND_HEAD", "CONTRACT_HEAD", ".current-alembic-head", "head"}


def masked(data):
    """The file without what a repair may change: header values and the docstring's id lines; None: cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    bom = data.startswith(b"\xef\xbb\xbf")
    lines, offsets, at = re.split(rb"(?<=\n)|(?<=\r)(?!\n)", data), [], 0
    for line in lines:
        offsets.append(at)
        at += len(line)

    def place(line, column):
        return offsets[line - 1] + column + (3 if bom and line == 1 else 0)

    def span(node):
        return place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)

    spans, assigned = [], defaultdict(list)
    for node in ast.walk(module):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] \
            if isinstance(node, ast.AnnAssign) and node.value is not None else []
        for target in targets:
            if isinstance(target, ast.Name):
                assigned[target.id].append(node.value)
    header, seen = [name for name in NAMES if name != "branch_labels"], set()
    while header:  # names that a header is made of count as the header's
        name = header.pop()
        if name in seen:
            continue
        seen.add(name)
        for value in assigned[name]:
            spans.append(span(value))
            header += [part.id for part in ast.walk(value) if isinstance(part, ast.Name)]
    if module.body and isinstance(module.body[0], ast.Expr) and isinstance(module.body[0].value, ast.Constant):
        start, end = span(module.body[0].value)
        spans += [(start + m.start(), start + m.end()) for m in DOCSTRING_LINE.finditer(data[start:end])]
    out, at = [], 0
    for start, end in sorted(spans):
        if start >= at:
            out += [data[at:start], b"<...>"]
            at = end
    # A parenthesized value: the brackets are outside of what `ast` calls the value of a string.
    return re.sub(rb"\(\s*<\.\.\.>\s*,?\s*\)", b"<...>", b"".join(out + [data[at:]]))


def only_header(before, after):
    """Why more than header and docstring lines changed, or None."""
    one, two = masked(before), masked(after)
    if one is not None and two is not None:
        if one == two:
            return None
        return "more than the header changed: " + " / ".join(
            difflib.unified_diff(one.decode("utf8", "replace").splitlines(), two.decode("utf8", "replace").splitlines(),
                                 n=0, lineterm=""))[:400]
    if (one is None) != (two is None):
        return "Python parses one side only"
    for line in changed(before, after):
        if not (HEADER_LINE.match(line) or DOCSTRING_LINE.match(line)):
            return f"a line changed that is no header: {line[:120]!r}"
    return None


def changed(before, after):
    """Lines that only one side has."""
    one, two = before.splitlines(), after.splitlines()
    out = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if tag != "equal":
            out += one[a:b] + two[c:d]
    return out
