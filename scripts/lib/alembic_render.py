"""Runs inside the virtual environment: the file that real Alembic makes for a new revision.

stdin: one JSON object a line, {template, script, file_template}; stdout: {name, text} (text as latin-1, byte for byte)
or {error}. The parents exist as bare revisions; the clock says what the script says. The file that was made is not run.
"""

import contextlib
import datetime
import json
import sys
import tempfile
from pathlib import Path

from alembic.script import Script, ScriptDirectory


def answer(ask):
    script = ask["script"]
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        versions = home / "versions"
        versions.mkdir()
        (home / "script.py.mako").write_bytes(ask["template"].encode("latin-1"))
        for known in script["parents"] + script["depends_on"]:
            (versions / f"{known}.py").write_text(f"revision = {known!r}\ndown_revision = None\n")
        settings = {} if ask["file_template"] is None else {"file_template": ask["file_template"]}
        directory = ScriptDirectory(str(home), **settings)
        directory.get_heads()
        date = datetime.datetime.fromisoformat(script["create_date"])
        directory._generate_create_date = lambda: date
        before, loaded = set(versions.rglob("*.py")), Script._from_path
        Script._from_path = classmethod(lambda *_: None)
        try:
            directory.generate_revision(script["id"], script["message"], head=script["parents"] or "base",
                                        branch_labels=script["branch_labels"] or None,
                                        depends_on=script["depends_on"] or None, config=None)
        except Exception as error:  # whatever Alembic or the template raises is the answer
            return {"error": type(error.__context__ or error).__name__}
        finally:
            Script._from_path = loaded
        made = [path for path in home.rglob("*.py") if path not in before]
        return {"name": str(made[0].relative_to(versions)), "text": made[0].read_bytes().decode("latin-1")}


for line in sys.stdin:
    with contextlib.redirect_stdout(sys.stderr):
        said = answer(json.loads(line))
    print(json.dumps(said), flush=True)
