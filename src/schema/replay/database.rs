//! Which database the migrations are written for.

use crate::cache::{Cache, Kind};
use crate::python::tree::{Module, StmtKind};
use crate::revision::Environment;
use crate::schema::evaluate::{Files as _, TreeFiles};
use crate::schema::types::Database;
use crate::vcs::{BlobId, RepoPath};

/// Files beside the migrations, or above them, that name drivers.
const DEPENDENCIES: &[&str] = &[
    "pyproject.toml",
    "requirements.txt",
    "requirements.in",
    "requirements/main.txt",
    "requirements/base.txt",
    "requirements/default.txt",
    "setup.cfg",
    "setup.py",
    "Pipfile",
];

/// Drivers, and the database that each speaks to.
const DRIVERS: &[(&str, Database)] = &[
    ("psycopg", Database::PostgreSql),
    ("asyncpg", Database::PostgreSql),
    ("pg8000", Database::PostgreSql),
    ("pymysql", Database::MySql),
    ("mysqlclient", Database::MySql),
    ("aiomysql", Database::MySql),
    ("asyncmy", Database::MySql),
    ("mysql-connector", Database::MySql),
    ("aiosqlite", Database::Sqlite),
];

/// Databases that something speaks of, by their number.
pub(super) type Seen = [bool; 3];

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detected {
    /// The database; PostgreSQL where nothing speaks of any.
    pub(super) database: Database,
    /// Whether nothing speaks of another one.
    pub(super) sure: bool,
}

/// The database of an environment: that of the names of its directories, of the URL in `alembic.ini`, of the
/// dialects that its migrations import and of the drivers that the project depends on.
pub(super) fn detect(
    files: &TreeFiles<'_>,
    environment: &Environment,
    imported: Seen,
    above: &[RepoPath],
) -> Detected {
    let locations = environment.version_locations.iter().map(|location| &location.path);
    let named =
        locations.chain([&environment.directory]).flat_map(RepoPath::components).find_map(by_directory);
    if let Some(database) = named {
        return Detected { database, sure: true };
    }
    let mut seen = imported;
    note_imports(files, &environment.directory.join("env.py"), &mut seen);
    for path in above.iter().flat_map(|root| DEPENDENCIES.iter().map(|name| below(root, name))) {
        add(&mut seen, drivers(files, &path));
    }
    let url = above.iter().find_map(|root| url_database(&text(files, &root.join("alembic.ini"))?));
    let [postgresql, mysql, sqlite] = seen;
    match url {
        // A file of SQLite is what many develop with.
        Some(Database::Sqlite) if postgresql || mysql => {}
        Some(database) => return Detected { database, sure: true },
        None => {}
    }
    match (postgresql, mysql) {
        (true, mysql) => Detected { database: Database::PostgreSql, sure: !mysql },
        (false, true) => Detected { database: Database::MySql, sure: true },
        (false, false) if sqlite || url.is_some() => Detected { database: Database::Sqlite, sure: true },
        (false, false) => Detected { database: Database::PostgreSql, sure: true },
    }
}

fn by_directory(name: impl AsRef<[u8]>) -> Option<Database> {
    let name = String::from_utf8_lossy(name.as_ref()).to_lowercase();
    match name.as_str() {
        "sqlite" | "sqlite3" => Some(Database::Sqlite),
        "mysql" | "mariadb" => Some(Database::MySql),
        "postgres" | "postgresql" | "pg" => Some(Database::PostgreSql),
        _ => None,
    }
}

fn below(root: &RepoPath, name: &str) -> RepoPath {
    name.split('/').fold(root.clone(), |path, part| path.join(part))
}

fn text(files: &TreeFiles<'_>, path: &RepoPath) -> Option<String> {
    Some(String::from_utf8_lossy(&files.text(path)?).into_owned())
}

pub(super) fn add(seen: &mut Seen, more: Seen) {
    seen.iter_mut().zip(more).for_each(|(seen, more)| *seen |= more);
}

/// The databases whose drivers a file of dependencies names; reads the file, unless an earlier run did.
fn drivers(files: &TreeFiles<'_>, path: &RepoPath) -> Seen {
    let Some(blob) = files.blob(path) else { return Seen::default() };
    let named = || {
        let text = text(files, path).ok_or(())?.to_lowercase();
        let mut named = Seen::default();
        DRIVERS.iter().for_each(|(driver, database)| named[*database as usize] |= text.contains(driver));
        Ok::<Seen, ()>(named)
    };
    files.objects().kept().or_find(Kind::Drivers, &blob, named).unwrap_or_default()
}

/// Notes the dialects that a file imports; reads the file, unless an earlier run did.
pub(super) fn note_imports(files: &TreeFiles<'_>, path: &RepoPath, seen: &mut Seen) {
    let Some(blob) = files.blob(path) else { return };
    let kept = files.objects().kept();
    if note_kept(kept, blob, seen) {
        return;
    }
    if let Some(module) = files.file(path) {
        let imported = imported(&module);
        kept.put(Kind::Dialects, &blob, &imported);
        add(seen, imported);
    }
}

/// Notes the dialects that a file imports, if an earlier run read it.
pub(super) fn note_kept(kept: &Cache, blob: BlobId, seen: &mut Seen) -> bool {
    let imported = kept.get(Kind::Dialects, &blob);
    add(seen, imported.unwrap_or_default());
    imported.is_some()
}

/// The dialects that a file imports.
fn imported(module: &Module) -> Seen {
    const DIALECTS: &str = "sqlalchemy.dialects";
    let seen = &mut Seen::default();
    for statement in &module.body {
        match &statement.kind {
            StmtKind::Import(aliases) => {
                for alias in aliases {
                    note(alias.name.strip_prefix("sqlalchemy.dialects."), seen);
                }
            }
            StmtKind::ImportFrom(import) if &*import.module == DIALECTS => {
                import.names.iter().for_each(|alias| note(Some(&alias.name), seen));
            }
            StmtKind::ImportFrom(import) => note(import.module.strip_prefix("sqlalchemy.dialects."), seen),
            _ => {}
        }
    }
    *seen
}

fn note(dialect: Option<&str>, seen: &mut Seen) {
    let name = dialect.and_then(|rest| rest.split('.').next());
    if let Some(database) = name.and_then(Database::by_name) {
        seen[database as usize] = true;
    }
}

/// The database of `sqlalchemy.url`, where it is written out.
fn url_database(ini: &str) -> Option<Database> {
    ini.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let scheme = value.trim().split("://").next()?;
        (key.trim() == "sqlalchemy.url").then(|| Database::by_name(scheme.split('+').next()?)).flatten()
    })
}
