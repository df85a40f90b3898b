//! Which tables the application declares, and on whose metadata.

use std::collections::BTreeMap;

use memchr::memmem;

use super::environment::{EnvFile, Target};
use super::files::{Files, Kind, is_aside};
use super::module::last;
use super::modules::{Modules, Origin};
use super::startup::CreateAll;
use super::{FileFlags, Flags, Spot};
use crate::cache;
use crate::parallel::map_chunks;
use crate::revision::Environment;
use crate::vcs::{BlobId, Error, Objects, RepoPath};

/// Base classes are followed through at most so many.
const MAX_ANCESTORS: usize = 12;

/// A table that a class or a `Table()` declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The class, or the name that `Table()` is bound to.
    pub class: String,
    /// The table's name where it is a literal.
    pub table: Option<String>,
    /// Where.
    pub at: Spot,
    /// Whether a class is mapped to it.
    pub(super) mapped: bool,
    /// The metadata that collects it, where that is certain.
    pub(super) metadata: Option<Origin>,
}

/// Tables on a metadata that no environment targets and nothing creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmanaged {
    /// The metadata, or the base class that holds it.
    pub name: String,
    /// Where it is made.
    pub file: RepoPath,
    /// Its tables, sorted by place.
    pub tables: Vec<Declared>,
}

/// Python files that an application may run and that are worth parsing, by what they mention.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) models: Vec<RepoPath>,
    pub(super) create_all: Vec<RepoPath>,
    pub(super) engines: Vec<RepoPath>,
    pub(super) upgrades: Vec<RepoPath>,
}

/// Looks at the text of every Python file outside tests, documentation and migrations.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn candidates<'e>(
    objects: &Objects,
    files: &Files,
    environments: impl Iterator<Item = &'e Environment> + Clone,
    known: &FileFlags,
) -> Result<Candidates, Error> {
    let is_migration = |path: &RepoPath| {
        environments.clone().any(|environment| {
            let locations = environment.version_locations.iter().map(|location| &location.path);
            locations.chain([&environment.directory]).any(|place| !place.is_root() && path.is_within(place))
        })
    };
    let mut found = Candidates::default();
    let looked_at = files
        .of(Kind::Python)
        .filter(|(path, _)| !environments.clone().any(|environment| environment.looks_at(path)));
    look_at_all(objects, looked_at.map(|(_, blob)| blob), known)?;
    for (path, blob) in files.of(Kind::Python) {
        // A revision's `upgrade` is no call of Alembic's.
        if environments.clone().any(|environment| environment.looks_at(path)) {
            continue;
        }
        let flags = flags(objects, blob, known)?;
        if flags.upgrades {
            found.upgrades.push(path.clone());
        }
        if is_aside(path) || is_migration(path) {
            continue;
        }
        for (is_in, list) in [
            (flags.models, &mut found.models),
            (flags.create_all, &mut found.create_all),
            (flags.engines, &mut found.engines),
        ] {
            if is_in {
                list.push(path.clone());
            }
        }
    }
    Ok(found)
}

/// Notes what each of many files mentions, on all cores.
fn look_at_all(
    objects: &Objects,
    blobs: impl Iterator<Item = BlobId>,
    known: &FileFlags,
) -> Result<(), Error> {
    const CHUNK: usize = 32;
    let new: Vec<BlobId> = blobs.filter(|blob| !known.borrow().contains_key(blob)).collect();
    let factory = objects.factory();
    let look = |objects: &mut Objects, chunk: &[BlobId]| {
        chunk.iter().map(|blob| look_at(objects, *blob)).collect::<Result<Vec<Flags>, Error>>()
    };
    let looked_at = map_chunks(&new, CHUNK, || factory.objects(), look);
    let mut known = known.borrow_mut();
    for (blobs, flags) in new.chunks(CHUNK).zip(looked_at) {
        known.extend(blobs.iter().copied().zip(flags?));
    }
    Ok(())
}

/// What the file `blob` mentions.
///
/// # Errors
/// When the blob is damaged or absent.
pub(super) fn flags(objects: &Objects, blob: BlobId, known: &FileFlags) -> Result<Flags, Error> {
    if let Some(flags) = known.borrow().get(&blob) {
        return Ok(*flags);
    }
    let flags = look_at(objects, blob)?;
    known.borrow_mut().insert(blob, flags);
    Ok(flags)
}

fn look_at(objects: &Objects, blob: BlobId) -> Result<Flags, Error> {
    objects.kept().or_find(cache::Kind::Words, &blob, || {
        let bytes = objects.needed_blob(blob)?;
        let has = |word: &str| memmem::find(&bytes, word.as_bytes()).is_some();
        Ok(Flags {
            models: has("__tablename__") || has("table=True") || has("Table("),
            metadata: ["MetaData", "declarative_base", "DeclarativeBase", "SQLAlchemy("].into_iter().any(has),
            create_all: has("create_all"),
            engines: has("create_engine"),
            upgrades: has("upgrade") && (has("alembic") || has("flask_migrate")),
        })
    })
}

/// The tables of the candidates.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn declared(modules: &Modules<'_>, candidates: &Candidates) -> Result<Vec<Declared>, Error> {
    let mut found = Vec::new();
    for path in &candidates.models {
        let Some(module) = modules.module(path)? else { continue };
        for table in module.tables.iter().filter(|table| table.declared) {
            let mut metadata = None;
            for base in &table.bases {
                let Some(origin) = modules.origin(path, base)? else { continue };
                metadata = metadata_of(modules, &origin, MAX_ANCESTORS)?;
                if metadata.is_some() {
                    break;
                }
            }
            found.push(Declared {
                class: table.name.clone(),
                table: table.table.clone(),
                at: Spot { path: path.clone(), line: table.line },
                mapped: table.mapped,
                metadata,
            });
        }
    }
    Ok(found)
}

/// The metadata that `origin` is or, a declarative base or a class on one, holds.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn metadata_of(
    modules: &Modules<'_>,
    origin: &Origin,
    left: usize,
) -> Result<Option<Origin>, Error> {
    let (path, name) = match origin {
        Origin::Foreign(name) => {
            // SQLModel brings one metadata for everybody.
            let own = name.strip_suffix(".metadata").unwrap_or(name);
            let is_shared = own == "sqlmodel.SQLModel" || own.starts_with("sqlmodel.main.SQLModel");
            return Ok(is_shared.then(|| Origin::Foreign("sqlmodel.SQLModel".to_owned())));
        }
        Origin::Local(path, name) => (path, name.strip_suffix(".metadata").unwrap_or(name)),
    };
    let (Some(module), Some(left)) = (modules.module(path)?, left.checked_sub(1)) else { return Ok(None) };
    // Flask-SQLAlchemy: `db = SQLAlchemy()`, `db.Model`.
    let object = name.strip_suffix(".Model").unwrap_or(name);
    if let Some(bound) = module.bound(object) {
        return Ok(match bound.made_by.as_deref().and_then(last) {
            Some("MetaData" | "SQLAlchemy") => Some(Origin::Local(path.clone(), object.to_owned())),
            Some("declarative_base" | "automap_base") => {
                let call = module.calls.iter().find(|call| {
                    call.line == bound.line && last(&call.callee) == bound.made_by.as_deref().and_then(last)
                });
                let given = call.and_then(|call| call.keywords.iter().find(|(key, _)| key == "metadata"));
                match given {
                    None => Some(Origin::Local(path.clone(), object.to_owned())),
                    Some((_, Some(super::module::Argument::Dotted(other)))) => {
                        match modules.origin(path, other)? {
                            Some(origin) => metadata_of(modules, &origin, left)?,
                            None => None,
                        }
                    }
                    Some(_) => None,
                }
            }
            _ => None,
        });
    }
    let Some(class) = module.tables.iter().find(|table| table.name == name) else { return Ok(None) };
    if let Some(own) = module.bound(&format!("{name}.metadata")) {
        return Ok(match (&own.made_by, &own.value) {
            (Some(_), _) => Some(Origin::Local(path.clone(), name.to_owned())),
            (None, Some(super::module::Argument::Dotted(other))) => match modules.origin(path, other)? {
                Some(origin) => metadata_of(modules, &origin, left)?,
                None => None,
            },
            _ => None,
        });
    }
    for base in &class.bases {
        let Some(origin) = modules.origin(path, base)? else { continue };
        if let Origin::Foreign(foreign) = &origin
            && matches!(last(foreign), Some("DeclarativeBase" | "DeclarativeBaseNoMeta"))
        {
            return Ok(Some(Origin::Local(path.clone(), name.to_owned())));
        }
        if let Some(metadata) = metadata_of(modules, &origin, left)? {
            return Ok(Some(metadata));
        }
    }
    Ok(None)
}

/// Tables whose metadata no environment targets and no `create_all()` makes. Empty where a target or the
/// metadata of a `create_all()` is not known: it may be any.
pub(super) fn unmanaged(
    declared: &[Declared],
    env_files: &[EnvFile],
    create_all: &[CreateAll],
) -> Vec<Unmanaged> {
    let mut managed: Vec<&Origin> = Vec::new();
    for file in env_files {
        match &file.target {
            Target::Unknown => return Vec::new(),
            Target::None(_) => {}
            Target::Metadata(targets) => managed.extend(targets),
        }
    }
    if managed.is_empty() {
        return Vec::new();
    }
    for call in create_all {
        match &call.metadata {
            None => return Vec::new(),
            Some(metadata) => managed.push(metadata),
        }
    }
    let mut groups: BTreeMap<&Origin, Vec<Declared>> = BTreeMap::new();
    for table in declared {
        if let Some(metadata @ Origin::Local(..)) = &table.metadata
            && !managed.contains(&metadata)
        {
            groups.entry(metadata).or_default().push(table.clone());
        }
    }
    groups
        .into_iter()
        .filter_map(|(metadata, mut tables)| {
            let Origin::Local(file, name) = metadata else { return None };
            // `Table()` alone may describe what another database has, to query it.
            if !tables.iter().any(|table| table.mapped) {
                return None;
            }
            // What migrations and moves of data read other schemas with.
            if file.parent().components().any(|part| memmem::find(part, b"migrat").is_some()) {
                return None;
            }
            tables.sort_by(|one, two| one.at.cmp(&two.at));
            Some(Unmanaged { name: name.clone(), file: file.clone(), tables })
        })
        .collect()
}
