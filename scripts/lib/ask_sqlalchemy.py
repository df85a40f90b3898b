"""Builds the metadata that an env.py names with real SQLAlchemy, and prints its tables as JSON.

usage: ask_sqlalchemy.py DIRECTORY

Runs inside a virtual environment, in a process of its own. `alembic.context` is a stand-in that does nothing.
"""

import json
import re
import sys
import types
from pathlib import Path
from unittest import mock

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import ForeignKeyConstraint

DIALECT = postgresql.dialect()
# What PostgreSQL's format_type makes of the names that SQLAlchemy writes.
NAMES = {
    "VARCHAR": "character varying", "CHAR": "character", "DATETIME": "timestamp without time zone",
    "TIMESTAMP WITHOUT TIME ZONE": "timestamp without time zone", "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "TIME WITHOUT TIME ZONE": "time without time zone", "TIME WITH TIME ZONE": "time with time zone",
    "FLOAT": "double precision", "DECIMAL": "numeric", "BOOL": "boolean", "SERIAL": "integer", "BIGSERIAL": "bigint",
}


def sql_type(column):
    text = column.type.compile(dialect=DIALECT)
    array = "[]" if text.endswith("[]") else ""
    text = text.removesuffix("[]")
    base, bracket, rest = text.partition("(")
    if base == "FLOAT" and bracket:
        return ("real" if int(rest[:-1]) <= 24 else "double precision") + array
    # Names of enums are lower-case here, those of types upper-case there.
    name = NAMES.get(base, base.lower() if base.isupper() else base)
    return name + (bracket + rest).replace(" ", "") + array


def name_of(constraint, made):
    """Its name, or that which PostgreSQL makes where SQLAlchemy states none."""
    if constraint.name is None:
        return made
    stated = DIALECT.identifier_preparer.format_constraint(constraint)
    return stated.strip('"') if stated else made


def qualified(table):
    return table.fullname.removeprefix("public.")


def expression(item):
    if hasattr(item, "name") and getattr(item, "table", None) is not None:
        return item.name
    text = str(item.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
    # Tables are named in it, and the order does not matter to what is compared.
    return re.sub(r"\b\w+\.", "", text).removesuffix(" DESC")


def parts(table):
    found = []
    for column in table.columns:
        found.append(f"{column.name} {sql_type(column)}{'' if column.nullable else ' not null'}")
    own = []
    key = [column.name for column in table.primary_key.columns]
    if key:
        own.append(f"primary key {name_of(table.primary_key, table.name + '_pkey')} ({', '.join(key)})")
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            columns = [column.name for column in constraint.columns]
            name = name_of(constraint, "_".join([table.name, *columns, "key"]))
            own.append(f"unique {name} ({', '.join(columns)})")
        if isinstance(constraint, ForeignKeyConstraint):
            columns = [column.name for column in constraint.columns]
            name = name_of(constraint, "_".join([table.name, *columns, "fkey"]))
            target = [element.column.name for element in constraint.elements]
            deleted = f" on delete {constraint.ondelete.lower()}" if constraint.ondelete else ""
            own.append(f"foreign key {name} ({', '.join(columns)}) references "
                       f"{qualified(constraint.referred_table)} ({', '.join(target)}){deleted}")
    for index in table.indexes:
        unique = "unique " if index.unique else ""
        name = DIALECT.identifier_preparer.format_index(index).strip('"')
        own.append(f"{unique}index {name} ({', '.join(map(expression, index.expressions))})")
    # The order of columns differs between the versions of SQLAlchemy, that of mixins above all.
    return sorted(found) + sorted(own)


def main():
    root = Path(sys.argv[1])
    sys.path.insert(0, str(root))
    alembic = types.ModuleType("alembic")
    alembic.context = mock.MagicMock()
    sys.modules["alembic"] = alembic
    module = {"__name__": "env", "__file__": str(root / "migrations/env.py")}
    text = (root / "migrations/env.py").read_text()
    exec(compile(text, "migrations/env.py", "exec"), module)
    target = module["target_metadata"]
    tables = {}
    for metadata in target if isinstance(target, (list, tuple)) else [target]:
        for table in metadata.tables.values():
            tables[qualified(table)] = parts(table)
    print(json.dumps(tables, sort_keys=True))


main()
