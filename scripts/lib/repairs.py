"""One repair by `onehead fix`, judged by real Alembic, git and Python's `ast`, which share no code with it.

`judge` repairs one commit of a scratch repository and lists everything that is wrong with what came of it. No code of
a repository runs.
"""

import ast
import difflib
import json
import re
import shutil
import subprocess
import tempfile
import time
import threading
import warnings
from collections import defaultdict
from pathlib import Path

from ask_alembic import Alembic, expected
from common import CouldNotRun, Objects, git, git_env, run_json, text
from headers import NAMES, many, read

DOCSTRING_LINE = re.compile(rb"^\s*(?:Revision ID|Revises)\s*:.*$", re.M)
HEADER_LINE = re.compile(rb"^(?:revision|down_revision|depends_on)\b.*$")
MARKERS = {"head.txt", "HEAD", "HEADS", "EXPAND_HEAD", "CONTRACT_HEAD", ".current-alembic-head", "head"}
REPAIRABLE = {"multiple-heads", "duplicate-revision", "missing-parent", "duplicate-number"}
IDENTITY = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", "A. Uthor"), ("EMAIL", "author@example.invalid"))}
# Templates write the time to the second: a commit and a patch are compared.
IDENTITY["SOURCE_DATE_EPOCH"] = str(int(time.time()))


class Scratch:
    """A bare repository that borrows another one's objects, with `main` at one commit.

    `tags`: those of the other repository that `main` contains, as they tell what was released by then.
    """

    def __init__(self, source, commit, under, tags=False):
        self.path = tempfile.mkdtemp(dir=under)
        self.source = source
        git(".", "init", "-q", "--bare", self.path)
        store = text(git(source, "rev-parse", "--path-format=absolute", "--git-path", "objects")).strip()
        Path(self.path, "objects", "info", "alternates").write_text(store + "\n")
        git(self.path, "symbolic-ref", "HEAD", "refs/heads/main")
        git(self.path, "config", "user.name", "A. Uthor")
        git(self.path, "config", "user.email", "author@example.invalid")
        git(self.path, "update-ref", "refs/heads/main", commit)
        if tags:
            known = git(source, "for-each-ref", f"--merged={commit}", "--format=create %(refname) %(objectname)",
                        "refs/tags/")
            git(self.path, "update-ref", "--stdin", stdin=known)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def refs(self):
        return text(git(self.path, "for-each-ref", "--format=%(refname) %(objectname)"))

    def fsck(self, start, tip):
        """What git complains of in the objects that were written; history below the start is taken as it is."""
        shallow = Path(self.path, "shallow")
        before = shallow.read_text() if shallow.exists() else None
        shallow.write_text(start + "\n")
        try:
            done = subprocess.run(["git", "-C", self.path, "fsck", "--strict", "--no-full", "--no-dangling",
                                   "--no-progress", tip], capture_output=True, env=git_env())
        finally:
            shallow.unlink() if before is None else shallow.write_text(before)
        said = text(done.stdout + done.stderr).strip()
        absent = set(re.findall(r"missing blob (\w+)", said))
        if absent and absent <= set(text(git(self.path, "ls-tree", "-r", "--format=%(objectname)", start)).split()):
            # A partial copy lacks large files of the old tree; that is no fault of what was written.
            return re.sub(r"broken link from +tree \w+\s+to +blob \w+|missing blob \w+", "", said).strip()
        return said or (f"exit {done.returncode}" if done.returncode else "")


# What may differ between a file before and after.

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


def other_values(before, after, path, kinds, ids):
    """Why the header says something that no step of the plan says, or None. `ids`: {old id: [new ids]}."""
    old, new = read(before, path)["values"], read(after, path)["values"]
    for name in NAMES:
        was, now = many(old.get(name)), many(new.get(name))
        if was == now or name == "down_revision" and "reparent" in kinds:
            continue
        follows = len(was) == len(now) and all(b == a or b in ids.get(a, ()) for a, b in zip(was, now))
        if name == "branch_labels" or not follows:
            return f"{name} was {was}, is {now}, and no step says so"
    return None


def unexpected_changes(scratch, before, after, document):
    """Every change of the tree that a repair may not make."""
    raw = text(git(scratch.path, "diff-tree", "-r", "-z", "--no-renames", before, after)).split("\0")
    entries = {path: meta.lstrip(":").split() for meta, path in zip(raw[0::2], raw[1::2])}
    moves = {file["path"]: file["new_path"] for file in document["files"] if file["new_path"]}
    # A file that several steps move has a name in between.
    now = {step["path"]: step["new_path"] for step in document["steps"] if step["new_path"]}
    steps, ids = defaultdict(set), defaultdict(set)
    for step in document["steps"]:
        path, seen = step["path"], set()
        while path and path not in seen:
            steps[path].add(step["kind"])
            seen.add(path)
            path = now.get(path)
    for change in reversed(document["id_changes"]):
        ids[change["from"]] |= {change["to"]} | ids[change["to"]]
    problems, objects = [], Objects(scratch.path)

    def fault(path, new_path, old, new):
        """What changed in a file beside its header, or in the header beside what the plan says."""
        old, new = objects[old], objects[new]
        kinds = steps[path] | steps[new_path]
        if "reference" in kinds:  # where a step says so, names follow
            for one, to in ids.items():
                old = re.sub(rb"\b%s\b" % re.escape(one.encode()), lambda _: sorted(to)[0].encode(), old)
        if old == new:
            return None
        return only_header(old, new) or other_values(old, new, path, kinds, ids)

    try:
        for path, (mode, new_mode, old, new, status) in sorted(entries.items()):
            name = path.rpartition("/")[2]
            if status == "D":
                target = entries.get(moves.get(path))
                if target is None or target[4] != "A":
                    problems.append(f"{path} is gone")
                elif mode != target[1]:
                    problems.append(f"{path}: mode {mode} became {target[1]}")
                elif (why := fault(path, moves[path], old, target[3])):
                    problems.append(f"{path} -> {moves[path]}: {why}")
            elif status == "A":
                if path in moves.values():
                    continue
                if "restore" in steps[path]:
                    known = subprocess.run(["git", "-C", scratch.source, "cat-file", "-e", new], capture_output=True,
                                           env=git_env()).returncode == 0
                    if not known and "reparent" not in steps[path]:
                        problems.append(f"{path}: restored with a content that the history never had")
                elif "merge-revision" in steps[path]:
                    try:
                        ast.parse(objects[new])
                    except SyntaxError as error:
                        problems.append(f"{path}: the merge revision is no Python: {error}")
                else:
                    problems.append(f"{path} is new, but no step says so")
            elif mode != new_mode:
                problems.append(f"{path}: mode {mode} became {new_mode}")
            elif name in MARKERS:
                if len(objects[old].split()) != len(objects[new].split()):
                    problems.append(f"{path}: more than the id changed")
            elif (why := fault(path, path, old, new)):
                problems.append(f"{path}: {why}")
        told = {p for file in document["files"] for p in (file["path"], file["new_path"]) if p}
        for path in sorted(set(entries) ^ told):
            problems.append(f"{path}: {'changed, but is not' if path in entries else 'unchanged, but is'} in `files`")
    finally:
        objects.close()
    return problems


def below(scratch, tree, directories, document):
    """The entries of some directories, with the moment left out of new merge revisions."""
    new = {step["path"] for step in document["steps"] if step["kind"] == "merge-revision"}
    rows = []
    for row in text(git(scratch.path, "ls-tree", "-r", "-z", tree, "--", *directories)).split("\0"):
        path = row.partition("\t")[2]
        if path in new:
            body = git(scratch.path, "show", f"{tree}:{path}")
            row = path + text(re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*", b"<time>", body))
        rows.append(row)
    return rows


def plain(reason):
    """A reason without ids and paths, to be counted."""
    rule, words = reason
    words = re.sub(r"\S+/\S+", "PATH", re.sub(r"'[^']*'|\b[0-9a-f]{7,40}\b", "ID", words))
    return rule, re.sub(r"\b\d+ other", "N other", words)


def outcome_of(problems, reasons, steps):
    """done, partly (some faults were refused), refused (all of them), clean (no fault that fix repairs), wrong."""
    if problems:
        return "wrong"
    if not steps:
        return "refused" if reasons else "clean"
    return "partly" if reasons else "done"


class Judge:
    """Asks onehead, git and Alembic."""

    def __init__(self, onehead, python, scratch):
        self.onehead, self.python, self.scratch = onehead, python, scratch
        self.local, self.alembics, self.answers = threading.local(), [], {}

    def close(self):
        for process in self.alembics:
            process.close()

    def alembic(self):
        """One Alembic a thread: its answers come through a pipe."""
        if not hasattr(self.local, "alembic"):
            self.local.alembic = Alembic(self.python)
            self.alembics.append(self.local.alembic)
        return self.local.alembic

    def fix(self, scratch, *more):
        """(exit code, document or None, stderr) of `fix --format json`."""
        done = subprocess.run([self.onehead, "-C", scratch.path, "fix", "--format", "json", *more],
                              capture_output=True, env=git_env(IDENTITY))
        if done.returncode in (0, 1):
            return done.returncode, json.loads(done.stdout), text(done.stderr)
        return done.returncode, None, text(done.stderr).strip()

    def environments(self, scratch, rev):
        return run_json(self.onehead, scratch.path, "graph", rev, "--format", "json")[1]["environments"]

    def faults(self, scratch, rev, environments):
        """{environment: [what Alembic and the arithmetic find wrong there]} of the files that `rev` holds."""
        return {env["name"]: self.faults_of(scratch, rev, env) for env in environments}

    def faults_of(self, scratch, rev, env):
        tree = text(git(scratch.path, "rev-parse", f"{rev}^{{tree}}")).strip()
        places = [location.strip("/").removeprefix(".").strip("/") for location in env["version_locations"]]
        oids = git(scratch.path, "cat-file", "--batch-check=%(objectname)", "--follow-symlinks",
                   stdin="".join(f"{tree}:{place}\n" for place in places).encode("utf8", "surrogateescape"))
        key = (scratch.source, env["name"], oids)
        if key not in self.answers:
            with tempfile.TemporaryDirectory(dir=self.scratch) as copy:
                said = expected(self.alembic(), scratch.path, tree, env, copy)
            facts, faults = said["facts"], []
            if said["error"]:
                faults.append(f"error {said['error'][:160]}")
            faults += [f"warning {warning[:160]}" for warning in said["warnings"]]
            heads = said["heads"] if said["heads"] is not None else facts["heads"]
            labels = {label for one in said["revisions"].values() for label in one["branch_labels"]}
            # One head a labelled branch is intended, and one of whatever has no label.
            if len(heads) > (len(labels) + 1 if labels else 1):
                faults.append(f"heads {heads}")
            faults += [f"duplicate {d[0]}" for d in facts["duplicates"]]
            faults += [f"missing {child} -> {parent}" for child, parent in facts["missing"]]
            if facts["cycle"]:
                faults.append("cycle")
            self.answers[key] = faults
        return self.answers[key]

    def undone(self, scratch, refs):
        """Does `fix --undo` give the old refs back?"""
        done = subprocess.run([self.onehead, "-C", scratch.path, "fix", "--undo"], capture_output=True,
                              env=git_env(IDENTITY))
        if done.returncode:
            return [f"undo: exit {done.returncode}: {text(done.stderr).strip()[:200]}"]
        return [] if scratch.refs() == refs else [f"undo: refs were {refs!r}, are {scratch.refs()!r}"]

    def am(self, scratch, head, patch, directories):
        """(tree, complaint) of `git am` of the patch on head's migration directories.

        The rest of the tree is left out: a patch that touched it would not apply.
        """
        place = tempfile.mkdtemp(dir=self.scratch)
        try:
            git(scratch.path, "worktree", "add", "-q", "--force", "--detach", "--no-checkout", place, head)
            git(place, "read-tree", "--empty")
            rows = git(place, "ls-tree", "-r", "-z", "--full-tree", head, "--", *directories)
            git(place, "update-index", "-z", "--index-info", stdin=rows)
            tree = text(git(place, "write-tree")).strip()
            small = text(git(place, "commit-tree", "-m", "the migrations alone", tree, env=IDENTITY)).strip()
            git(place, "checkout", "-q", "-f", "--detach", small)
            done = subprocess.run(["git", "-C", place, "am", "-q"], input=patch, capture_output=True,
                                  env=git_env(IDENTITY))
            if done.returncode:
                return None, text(done.stdout + done.stderr).strip()[:400]
            return text(git(place, "rev-parse", "HEAD^{tree}")).strip(), None
        finally:
            subprocess.run(["git", "-C", scratch.path, "worktree", "remove", "--force", place], capture_output=True)
            shutil.rmtree(place, ignore_errors=True)

    def merged(self, scratch, base, tip, directories):
        """(tree, complaint) of git's own merge; a conflict outside of the directories does not count."""
        done = subprocess.run(["git", "-C", scratch.path, "merge-tree", "--write-tree", "-z", "--name-only",
                               "--no-messages", "--allow-unrelated-histories", base, tip], capture_output=True,
                              env=git_env())
        parts = [part for part in text(done.stdout).split("\0") if part]
        if done.returncode not in (0, 1) or not parts:
            return None, text(done.stderr).strip()[:200] or f"exit {done.returncode}"
        inside = [path for path in parts[1:] if any(path.startswith(place + "/") for place in directories)]
        return parts[0], f"conflict in {inside}" if inside else None

    def repair(self, scratch, head, args=()):
        """(outcome, kinds of steps, [(rule, reason of the refusal)], problems) of `fix --head HEAD ARGS`."""
        refs = scratch.refs()
        start = text(git(scratch.path, "rev-parse", "--verify", f"{head}^{{commit}}")).strip()
        call = ("--head", head, *args)
        code, document, complaint = self.fix(scratch, *call, "--commit", "--branch", "repaired")
        if document is None:
            problems = ["exit 2, but a ref moved"] if scratch.refs() != refs else []
            if code != 2:
                problems.append(f"exit {code}: {complaint[:300]}")
            reasons = [("exit 2", complaint.splitlines()[0][:200] if complaint else "no word")]
            return outcome_of(problems, reasons, ()), (), reasons, problems
        reasons = [(r["rule"], r["reason"]) for r in document["refused"]]
        kinds = tuple(sorted({step["kind"] for step in document["steps"]}))
        if not document["steps"]:
            problems = ["nothing to do, but a ref moved"] if scratch.refs() != refs else []
            return outcome_of(problems, reasons, kinds), kinds, reasons, problems
        tip, problems = document["result"]["commit"], []
        if (said := scratch.fsck(start, tip)):
            problems.append(f"fsck: {said[:300]}")
        problems += unexpected_changes(scratch, start, tip, document)
        problems += self.graph(scratch, document, start, tip, bool(reasons))
        problems += self.patch(scratch, document, start, tip, call)
        problems += self.second(scratch, document, tip, args)
        problems += self.undone(scratch, refs)
        return outcome_of(problems, reasons, kinds), kinds, reasons, problems

    def graph(self, scratch, document, start, tip, refused):
        """What Alembic finds in the result, merged into the base where that is another commit."""
        after, base = self.environments(scratch, tip), document["base"]
        directories = [place for env in after for place in env["version_locations"]]
        tree, merging = tip, False
        if base and not self.contains(scratch, start, base):
            tree, conflict = self.merged(scratch, base, tip, directories)
            if conflict and not self.merged(scratch, base, start, directories)[1]:
                return [f"git cannot merge the result: {conflict}"]
            if conflict:
                return []  # nor could it merge what was there
            merging = True
        problems, found = [], self.faults(scratch, tree, after)
        if not any(found.values()):
            return []
        # Only now does it matter what was there before.
        known = {}
        if merging:
            known = self.faults(scratch, base, self.environments(scratch, base))
            before, conflict = self.merged(scratch, base, start, directories)
        else:
            before, conflict = start, None
        old = {} if conflict else self.faults(scratch, before, self.environments(scratch, start))
        for env, faults in found.items():
            fine = set(known.get(env, ()))
            stood = set(old.get(env, ()))
            for fault in faults:
                word = fault.split()[0]
                if fault in fine or word == "heads" and any(f.startswith("heads") for f in fine):
                    continue  # it is the base's own
                if word == "error" and "cycle" in fine | stood:
                    continue  # Alembic stopped earlier, or stops where the circle is
                if fault not in stood and not (word == "heads" and refused):
                    problems.append(f"Alembic, new in {env}: {fault}")
                elif not refused and fault != "cycle" and not fault.startswith("warning Revision"):
                    problems.append(f"Alembic, still in {env}: {fault}")
        return problems

    def contains(self, scratch, commit, other):
        """Is `other` an ancestor of the commit, or the commit?"""
        return subprocess.run(["git", "-C", scratch.path, "merge-base", "--is-ancestor", other, commit],
                              capture_output=True, env=git_env()).returncode == 0

    def patch(self, scratch, document, start, tip, call):
        """Does `fix --patch | git am` give the tree of the commits?"""
        done = subprocess.run([self.onehead, "-C", scratch.path, "fix", *call, "--patch"], capture_output=True,
                              env=git_env(IDENTITY))
        directories = sorted({p.rpartition("/")[0] or "." for file in document["files"]
                              for p in (file["path"], file["new_path"]) if p})
        tree, refused = self.am(scratch, start, done.stdout, directories)
        if refused:
            return [f"git am: {refused}"]
        if below(scratch, tree, directories, document) != below(scratch, tip, directories, document):
            return ["git am gives another tree"]
        return []

    def second(self, scratch, document, tip, args):
        """Does `fix` on the result find nothing but what it refused?"""
        if document["base"] == document["head"]:  # what stood in the trunk is judged in the trunk
            args = ("--trunk", tip)
        code, rest, complaint = self.fix(scratch, "--head", tip, *args)
        if rest is None:
            return [f"fix on the result: exit {code}: {complaint[:200]}"]
        if rest["steps"]:
            return [f"fix on the result finds {[(s['kind'], s['revision'], s['to']) for s in rest['steps']]}"]
        if len(rest["refused"]) > len(document["refused"]):
            return [f"fix on the result refuses {[(r['rule'], r['message']) for r in rest['refused']]}"]
        return []


def guarded(work):
    """A row that could not be judged is an outcome, not the end."""
    def inner(row):
        try:
            return work(row)
        except (CouldNotRun, KeyError) as error:
            return "failed", (), [("could not be judged", str(error)[:200])], []
    return inner
