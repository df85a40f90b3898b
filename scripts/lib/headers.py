"""The header of a migration file as Python's own `ast` reads it, and plain set arithmetic on it.

Nothing of a repository is executed. This is the second opinion the product is compared with, so it shares no
code and no parser with it.
"""

import ast
import re
import warnings
from collections import defaultdict

NAMES = ("revision", "down_revision", "depends_on", "branch_labels")
_STATEMENT = re.compile(r"^(?:%s)[ \t]*(?::[^=\n]+)?=(?!=)" % "|".join(NAMES))
_LEGACY = re.compile(r"([a-f0-9]+)\.py$")
_UNKNOWN = object()


def _fold(node, known):
    """The value of an expression made of literals and of names that hold them, else _UNKNOWN."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.Name):
        return known.get(node.id, _UNKNOWN)
    if isinstance(node, (ast.Tuple, ast.List)):
        parts = [_fold(item, known) for item in node.elts]
        return _UNKNOWN if _UNKNOWN in parts else tuple(parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _fold(node.left, known), _fold(node.right, known)
        return left + right if isinstance(left, str) and isinstance(right, str) else _UNKNOWN
    if isinstance(node, ast.JoinedStr):
        pieces = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                plain = part.conversion == -1 and part.format_spec is None
                part = _fold(part.value, known) if plain else _UNKNOWN
            else:
                part = part.value
            if part is _UNKNOWN:
                return _UNKNOWN
            pieces.append(str(part))
        return "".join(pieces)
    return _UNKNOWN


def _fallback(source):
    """Only the header statements, each parsed alone: for files that Python cannot parse as a whole."""
    lines, body, quote = source.splitlines(), [], None
    for index, line in enumerate(lines):
        if quote is None and _STATEMENT.match(line):
            for end in range(index + 1, min(index + 60, len(lines)) + 1):
                try:
                    body += ast.parse("\n".join(lines[index:end]) + "\n").body
                    break
                except SyntaxError:
                    continue
        for mark in ('"""', "'''"):
            if quote in (None, mark) and line.count(mark) % 2:
                quote = None if quote else mark
                break
    return ast.Module(body=body, type_ignores=[])


def read(data, path=""):
    """The header of one file: {values: {name: value}, unresolved: [name], docstring, error, python2}.

    `error` tells why Python cannot parse the file. A file that assigns no `revision` gets Alembic's oldest rule: a
    hexadecimal file name is the id.
    """
    error = docstring = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = ast.parse(data)
            docstring = ast.get_docstring(module, clean=False)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            error = f"{type(problem).__name__}: {problem}"
            module = _fallback(data.decode("utf8", "replace").lstrip("\ufeff").replace("\r\n", "\n"))
    known, pending = {}, list(module.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, (ast.Try, ast.With)):
            pending[:0] = node.body
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            for target in targets:
                if isinstance(target, ast.Name):
                    known[target.id] = _fold(node.value, known)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in NAMES:
            known[node.name] = _UNKNOWN
    mine = {name: known[name] for name in NAMES if name in known}
    legacy = _LEGACY.match(path.rpartition("/")[2])
    if legacy and "revision" not in mine:
        mine["revision"] = legacy[1]
    return {"values": {k: v for k, v in mine.items() if v is not _UNKNOWN},
            "unresolved": [k for k, v in mine.items() if v is _UNKNOWN], "docstring": docstring, "error": error,
            "python2": error is not None and python2_only(data) is not False}


def python2_only(data):
    """Does Python 3 refuse the file where Python 2's grammar takes it? None where this Python cannot tell."""
    try:
        ast.parse(data)
        return False
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lib2to3 import pygram, pytree
            from lib2to3.pgen2 import driver
        source = data.decode("utf8", "replace").lstrip("\ufeff").replace("\r\n", "\n") + "\n"
        parser = driver.Driver(pygram.python_grammar, convert=pytree.convert)
        parser.parse_string(source)
        return True
    except ImportError:
        return None
    except Exception:  # lib2to3 raises its own kinds, and whatever a broken file makes it trip over
        return False


def many(value):
    """A header value as a tuple of ids, as Alembic takes it."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (tuple, list, set, frozenset)) else (value,)


def in_graph(header):
    """Would Alembic make a revision of it? (Both names assigned, and the id a known string.)"""
    assigned = "down_revision" in header["values"] or "down_revision" in header["unresolved"]
    return isinstance(header["values"].get("revision"), str) and assigned


def arithmetic(headers):
    """The graph's facts from [(path, header)] without Alembic: ids nobody names are heads, and so on."""
    revisions = [(path, header["values"]) for path, header in headers if in_graph(header)]
    paths, edges, named = defaultdict(list), defaultdict(set), set()
    labels = {label for _, values in revisions for label in many(values.get("branch_labels"))}
    for path, values in revisions:
        paths[values["revision"]].append(path)
    missing, missing_depends = [], []
    for path, values in revisions:
        me = values["revision"]
        for parent in many(values.get("down_revision")):
            named.add(parent)
            if parent in paths:
                edges[me].add(parent)
            else:
                missing.append((me, parent))
        for other in many(values.get("depends_on")):
            if other not in paths and other not in labels:
                missing_depends.append((me, other))
    return {"heads": sorted(set(paths) - named),
            "bases": sorted({v["revision"] for _, v in revisions if not many(v.get("down_revision"))}),
            "duplicates": sorted((k, tuple(sorted(v))) for k, v in paths.items() if len(v) > 1),
            "missing": sorted(missing), "missing_depends": sorted(missing_depends), "cycle": _cyclic(edges)}


def _cyclic(edges):
    """Peel ids without parents until nothing is left; a rest is a cycle."""
    left = {child: set(parents) for child, parents in edges.items()}
    while True:
        free = [child for child, parents in left.items() if not any(p in left for p in parents)]
        if not free:
            return bool(left)
        for child in free:
            del left[child]
