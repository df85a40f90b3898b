"""Real Alembic's answer for one environment of a commit or tree, from sanitized copies of its migrations.

The copies hold the docstring and the header values that Python's own `ast` finds, nothing else, so no code of the
repository runs.
"""

import json
import os
import subprocess
from pathlib import Path

from common import CouldNotRun, Objects, script_files
from headers import arithmetic, in_graph, read

HEADERS = {}  # by blob id and file name: the states of one repository share most of their files


class Alembic:
    """One Python of the virtual environment that answers question after question."""

    def __init__(self, python):
        program = Path(__file__).resolve().parent / "alembic_answer.py"
        self.pipe = subprocess.Popen([python, "-I", str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))

    def ask(self, question):
        self.pipe.stdin.write(json.dumps(question).encode() + b"\n")
        self.pipe.stdin.flush()
        line = self.pipe.stdout.readline()
        if not line:
            raise CouldNotRun("Alembic's process ended")
        return json.loads(line)

    def close(self):
        self.pipe.stdin.close()
        self.pipe.wait()


def sanitized(header):
    """A module with the docstring and the header values as literals."""
    values = {"down_revision": None, **header["values"]}
    lines = [repr(header["docstring"])] if header["docstring"] is not None else []
    return "\n".join(lines + [f"{name} = {value!r}" for name, value in values.items()]) + "\n"


def read_environment(repo, commit, env):
    """(recursive, [(location index, path below it, path, header)]) of an environment's files, straight from git."""
    listed = [r["path"] for r in env["revisions"]]
    found, recursive, objects = [], False, Objects(repo)
    try:
        for index, location in enumerate(env["version_locations"]):
            prefix = location.strip("/").removeprefix(".").strip("/")
            prefix = prefix + "/" if prefix else ""
            nested = [p for p in listed if p.startswith(prefix) and "/" in p[len(prefix):]]
            mine = [p for p in nested if not any(o != location and p.startswith(o.rstrip("/") + "/")
                                                 for o in env["version_locations"])]
            recursive |= bool(mine)
            for path, oid in script_files(repo, commit, location, recursive=bool(mine)):
                key = oid, path.rpartition("/")[2]
                if key not in HEADERS:
                    HEADERS[key] = read(objects[oid], path)
                found.append((index, path[len(prefix):], path, HEADERS[key]))
    finally:
        objects.close()
    return recursive, found


def expected(alembic, repo, commit, env, scratch):
    """What Alembic and the arithmetic answer for one environment."""
    recursive, found = read_environment(repo, commit, env)
    home, back = Path(scratch), {}
    places = [home / f"location{index}" for index in range(len(env["version_locations"]))]
    for place in places:
        place.mkdir(parents=True)
    for index, below, path, header in found:
        if in_graph(header):
            copy = places[index] / below
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(sanitized(header), "utf8", errors="surrogateescape")
            back[str(copy)] = path
    said = alembic.ask({"script_location": str(home), "version_locations": [str(p) for p in places],
                        "recursive": recursive})
    facts = arithmetic([(path, header) for _, _, path, header in found])
    said["revisions"] = {back.get(r["path"], r["path"]): r for r in said["revisions"]}
    said["left_out"] = sorted(path for _, _, path, header in found
                              if not in_graph(header) or header["error"] and not header["python2"])
    said["files"], said["facts"] = len(found), facts
    said["repeated"] = sorted(facts["duplicates"] and {w.split()[1] for w in said["warnings"]
                                                       if w.endswith("is present more than once")})
    return said
