"""Runs inside the virtual environment: what real Alembic says about a directory of sanitized migration files.

stdin: {script_location, version_locations, recursive}; stdout: one JSON answer. Heads, bases and points come from a
real ScriptDirectory; where it refuses, `error` says so and they are null.
"""

import json
import sys
import warnings

from alembic.script import ScriptDirectory


def answer(ask):
    said = {"error": None, "heads": None, "bases": None, "branch_points": None, "merge_points": None, "revisions": []}
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        try:
            directory = ScriptDirectory(ask["script_location"], version_locations=ask["version_locations"],
                                        recursive_version_locations=ask["recursive"])
            graph = directory.revision_map
            scripts = {id(s): s for s in graph._revision_map.values() if s is not None}.values()
            said["heads"] = sorted(directory.get_heads())
            said["bases"] = sorted(directory.get_bases())
            said["branch_points"] = sorted(s.revision for s in scripts if s.is_branch_point)
            said["merge_points"] = sorted(s.revision for s in scripts if s.is_merge_point)
            said["revisions"] = [{"revision": s.revision, "path": s.path, "message": s.doc,
                                  "down_revision": sorted(s._versioned_down_revisions),
                                  "depends_on": sorted(many(s.dependencies)),
                                  "branch_labels": sorted(s._orig_branch_labels)} for s in scripts]
        except Exception as error:  # whatever Alembic raises is the answer
            said["error"] = f"{type(error).__name__}: {error}"
            said.update(heads=None, bases=None, branch_points=None, merge_points=None)
    said["warnings"] = [str(item.message) for item in raised]
    return said


def many(value):
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line)), default=str), flush=True)
