"""What the comparison scripts share: finding the binary, asking git, reading objects, running onehead."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The files Alembic's script directory looks at: `.py`, but neither an editor's lock file nor `__init__.py`.
SCRIPT_FILE = re.compile(r"(?!\.\#|__init__)(.*\.py)$")


class CouldNotRun(Exception):
    """The tool under test, or git, did not answer: exit code 2."""


def find_onehead(given):
    """The binary: --onehead, $ONEHEAD, the release build of this checkout, or the one on PATH."""
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "onehead"
    for candidate in (given, os.environ.get("ONEHEAD"), built, shutil.which("onehead")):
        if candidate and Path(candidate).is_file():
            return str(Path(candidate).resolve())
        if candidate and candidate is given:
            raise CouldNotRun(f"no such binary: {given}")
    raise CouldNotRun("onehead not found: `cargo build --release`, or pass --onehead PATH")


def repository(mirror, name):
    """The git directory of OWNER+NAME under a mirror: DIR/OWNER+NAME/repo or DIR/OWNER+NAME."""
    name = name.replace("/", "+")
    for candidate in (Path(mirror) / name / "repo", Path(mirror) / name):
        if candidate.is_dir():
            return str(candidate)
    raise CouldNotRun(f"{name}: not under {mirror}")


def git_env(extra=None):
    return dict(os.environ, GIT_OPTIONAL_LOCKS="0", GIT_NO_LAZY_FETCH="1", LC_ALL="C", **(extra or {}))


def git(repo, *args, ok=(0,), stdin=None, env=None):
    """stdout of one git command, as bytes."""
    done = subprocess.run(["git", "-C", repo, *args], input=stdin, capture_output=True, env=git_env(env))
    if ok is not None and done.returncode not in ok:
        raise CouldNotRun(f"git {' '.join(args)}: {done.stderr.decode('utf8', 'replace').strip()[:500]}")
    return done.stdout


def text(data):
    return data.decode("utf8", "surrogateescape")


class Objects:
    """Blobs by id, through one `git cat-file --batch`."""

    def __init__(self, repo, env=None):
        self.pipe = subprocess.Popen(["git", "-C", repo, "cat-file", "--batch"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, env=git_env(env))

    def __getitem__(self, oid):
        self.pipe.stdin.write(oid.encode() + b"\n")
        self.pipe.stdin.flush()
        head = self.pipe.stdout.readline().split()
        if len(head) != 3:
            raise KeyError(oid)
        data = self.pipe.stdout.read(int(head[2]))
        self.pipe.stdout.read(1)
        return data

    def close(self):
        self.pipe.stdin.close()
        self.pipe.wait()


def led_to(repo, tree, path, kind, env=None):
    """The id of the blob or tree at a path, links followed inside the tree; None where they lead elsewhere."""
    found = text(git(repo, "cat-file", "--batch-check=%(objecttype) %(objectname)", "--follow-symlinks",
                     stdin=f"{tree}:{path}\n".encode("utf8", "surrogateescape"), env=env)).split()
    return found[1] if found[0] == kind else None


def script_files(repo, tree, directory, recursive=False, env=None):
    """[(path, blob id)] of the files Alembic would look at in a directory of a tree, sorted; [] without it.

    Symbolic links, to the directory or on the way to it, are followed inside the tree; paths stay as they were asked.
    """
    prefix = directory.strip("/").removeprefix("./").removeprefix(".")
    top = led_to(repo, tree, prefix, "tree", env) if prefix else tree
    if top is None:
        return []
    out = text(git(repo, "ls-tree", "-z", "--full-tree", *(["-r"] if recursive else []), top, env=env))
    rows = []
    for line in filter(None, out.split("\0")):
        meta, path = line.split("\t", 1)
        path = f"{prefix}/{path}" if prefix else path
        mode, kind, oid = meta.split()
        cached = "__pycache__/" in path
        if kind != "blob" or cached or not SCRIPT_FILE.match(path.rpartition("/")[2]):
            continue
        if mode == "120000":  # Alembic opens it as any other file, so what it leads to inside the tree counts
            oid = led_to(repo, tree, path, "blob", env)
            if oid is None:
                continue
        rows.append((path, oid))
    return sorted(rows)


def run(onehead, repo, *args, ok=(0, 1)):
    """(exit code, stdout) of one onehead command; exit 2 and crashes become CouldNotRun."""
    done = subprocess.run([onehead, "-C", repo, *args], capture_output=True)
    if done.returncode not in ok:
        raise CouldNotRun(f"onehead {' '.join(args)}: exit {done.returncode}: "
                          f"{done.stderr.decode('utf8', 'replace').strip()[:600]}")
    return done.returncode, done.stdout


def run_json(onehead, repo, *args):
    """(exit code, document) of one onehead command with `--format json` among args."""
    code, out = run(onehead, repo, *args)
    try:
        return code, json.loads(out)
    except ValueError as error:
        raise CouldNotRun(f"onehead {' '.join(args)}: not JSON: {error}; {out[:200]!r}") from error


def run_lines(onehead, repo, *args):
    """The records of one onehead command that prints JSON Lines, one by one."""
    with tempfile.TemporaryFile() as talk:  # a file, not a pipe: nobody reads it until the end
        with subprocess.Popen([onehead, "-C", repo, *args], stdout=subprocess.PIPE, stderr=talk) as child:
            for line in child.stdout:
                if line.strip():
                    yield json.loads(line)
        talk.seek(0)
        complaint = talk.read().decode("utf8", "replace").strip()
    if child.returncode not in (0, 1):
        raise CouldNotRun(f"onehead {' '.join(args)}: exit {child.returncode}: {complaint[:600]}")


def alembic_venv(path, upgrade=False):
    """(python, Alembic's version) of a virtual environment with Alembic from PyPI, made where it does not exist."""
    python = Path(path).absolute() / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(path)], check=True)
        upgrade = True
    if upgrade:
        done = subprocess.run([python, "-m", "pip", "install", "-q", "--upgrade", "alembic"], capture_output=True)
        if done.returncode:
            raise CouldNotRun(f"pip install alembic: {done.stderr.decode('utf8', 'replace').strip()[-400:]}")
    told = subprocess.run([python, "-c", "import alembic; print(alembic.__version__)"], capture_output=True)
    if told.returncode:
        raise CouldNotRun(f"no Alembic in {path}; remove the directory, or pass --upgrade")
    return str(python), text(told.stdout).strip()


def main(body):
    """Run a script's body: its result is the exit code, CouldNotRun is 2 with the reason on stderr."""
    try:
        sys.exit(body())
    except CouldNotRun as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
