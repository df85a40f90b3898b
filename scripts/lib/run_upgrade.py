"""Runs inside the virtual environment: `alembic upgrade heads` of one script location, without its env.py.

argument: {url, directory, locations, stubs, paths, prelude}; stdout's last line: {revisions, tables}. Exit code 1 where the
upgrade stops, with the database's words on the last line of stderr; anything else is a fault of this program.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys
import traceback
import types

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text


class Stub:
    """Takes every call and every attribute."""

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub()

    def __iter__(self):
        return iter(())

    def __getitem__(self, key):
        return Stub()

    def __mro_entries__(self, bases):
        return (Stub,)


class StubModule(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub()


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if any(name == known or name.startswith(known + ".") for known in self.names):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return StubModule(spec.name)

    def exec_module(self, module):
        pass


def main():
    ask = json.loads(sys.argv[1])
    sys.path[:0] = [os.path.abspath(path) for path in ask["paths"]]
    sys.meta_path.insert(0, Finder(ask["stubs"]))
    prepared = {}
    exec(ask.get("prelude") or "", prepared)
    config = Config()
    config.set_main_option("script_location", ask["directory"])
    script = ScriptDirectory(ask["directory"], version_locations=[os.path.abspath(p) for p in ask["locations"]])
    engine = create_engine(ask["url"])
    ran = []

    def upgrade(revision, context):
        steps = script._upgrade_revs("heads", revision)
        ran.extend(steps)
        return steps

    try:
        with engine.connect() as connection:
            with EnvironmentContext(config, script, fn=upgrade, destination_rev="heads") as context:
                context.configure(connection=connection, transaction_per_migration=True,
                                  target_metadata=prepared.get("target_metadata"))
                with context.begin_transaction():
                    context.run_migrations()
    except Exception as error:  # whatever stops an upgrade is the answer
        traceback.print_exc()
        told = str(getattr(error, "orig", error)).strip().splitlines() or [type(error).__name__]
        print(f"{type(error).__name__}: {told[0]}", file=sys.stderr)
        sys.exit(1)
    with engine.connect() as connection:
        count = connection.execute(text("select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid "
                                        "= c.relnamespace where c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%' and "
                                        "n.nspname <> 'information_schema' and c.relname <> 'alembic_version'")).scalar()
    print("\n" + json.dumps({"revisions": len(ran), "tables": count}))


main()
