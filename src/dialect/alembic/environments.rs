//! Where Alembic's script environments are, read off the tree alone.
//!
//! Order of trust: `alembic.ini` and `[tool.alembic]`, then directories that look like a script
//! directory, then directories that merely hold migrations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use bstr::ByteSlice as _;

use super::ini::Ini;
use super::scan::{Mark, Scanner};
use crate::dialect::Finder;
use crate::revision::{Environment, ExpectedHeads, VersionLocation};
use crate::vcs::{BlobId, Error, Objects, RepoPath, TreeId};

/// Finds environments; remembers directories and files between trees.
#[derive(Default)]
pub(super) struct AlembicFinder {
    scanner: Scanner,
    /// What configuration files say.
    configured: HashMap<(RepoPath, BlobId), Rc<[Configured]>>,
}

impl AlembicFinder {
    /// What the `alembic.ini` or `pyproject.toml` at `path` with the content `blob` says; read once.
    fn configured(
        &mut self,
        objects: &Objects,
        path: &RepoPath,
        blob: BlobId,
    ) -> Result<Rc<[Configured]>, Error> {
        let key = (path.clone(), blob);
        if let Some(known) = self.configured.get(&key) {
            return Ok(Rc::clone(known));
        }
        let text = objects.needed_blob(blob)?;
        let configured: Rc<[Configured]> = match path.name().as_bytes() {
            b"alembic.ini" => from_ini(&path.parent(), &text).into(),
            _ => from_pyproject(&path.parent(), &String::from_utf8_lossy(&text)).into_iter().collect(),
        };
        self.configured.insert(key, Rc::clone(&configured));
        Ok(configured)
    }
}

/// Stands for the ini's directory while a value is interpolated.
const HERE: &str = "\u{1}here";

/// `PATH_MAX` of Linux: longer values name no directory.
const MAX_PATH: usize = 4096;

/// Directories that an absolute path of another machine may have above the repository.
const MAX_OUTER: usize = 64;

/// Sections of one file that count, and version locations of one section: more are no configuration.
const MAX_SECTIONS: usize = 256;
const MAX_LOCATIONS: usize = 1024;

/// One script environment as some file configures it.
#[derive(Clone, Debug)]
struct Configured {
    name: Option<String>,
    found_by: String,
    /// Directory of the configuration file.
    place: RepoPath,
    script_location: String,
    version_locations: Option<Vec<String>>,
    recursive: bool,
    file_template: Option<String>,
}

impl Finder for AlembicFinder {
    fn find(&mut self, objects: &Objects, root: TreeId) -> Result<Vec<Environment>, Error> {
        let marks = self.scanner.scan(objects, root)?;
        let mut search = Search { objects, root, marks: &marks, found: Vec::new() };
        for (directory, mark) in marks.iter() {
            let (blob, name) = match mark {
                Mark::Ini(blob) => (*blob, "alembic.ini"),
                Mark::Pyproject(blob) => (*blob, "pyproject.toml"),
                Mark::ScriptDirectory | Mark::Migrations | Mark::Link(_) | Mark::VersionsLink(_) => continue,
            };
            let configured = self.configured(objects, &directory.join(name), blob)?;
            for configured in configured.iter() {
                search.configured(configured.clone())?;
            }
        }
        for (directory, mark) in marks.iter() {
            if *mark == Mark::ScriptDirectory {
                search.script_directory(directory);
            }
        }
        // Files that a version location links to are read there.
        let mut linked = BTreeSet::new();
        for (directory, mark) in marks.iter() {
            let (Mark::Link(target) | Mark::VersionsLink(target)) = mark else { continue };
            let Some(target) = directory.resolve(&objects.needed_blob(*target)?) else { continue };
            if let Mark::Link(_) = mark {
                linked.insert(target.parent());
            } else if objects.entry(root, &target)?.is_some_and(|entry| entry.tree().is_some()) {
                // A location that is a link stands for the directory behind it, whose history counts.
                let link = directory.join("versions");
                let locations = search.found.iter_mut().flat_map(|found| &mut found.version_locations);
                locations.filter(|location| location.path == link).for_each(|location| {
                    location.path = target.clone();
                });
            }
        }
        for (directory, mark) in marks.iter() {
            if *mark == Mark::Migrations && !linked.contains(directory) {
                search.bare_directory(directory);
            }
        }
        let mut found = search.found;
        for environment in &mut found {
            self.read_sub_directories(objects, root, environment, &marks)?;
        }
        found = found.into_iter().flat_map(|environment| twins(environment, &marks)).collect();
        name_all(&mut found);
        found.sort_by(|one, two| (&one.directory, &one.name).cmp(&(&two.directory, &two.name)));
        Ok(found)
    }

    fn configuration_files(&mut self, objects: &Objects, root: TreeId) -> Result<Vec<RepoPath>, Error> {
        let marks = self.scanner.scan(objects, root)?;
        let file = |(directory, mark): &(RepoPath, Mark)| match mark {
            Mark::Ini(_) => Some(directory.join("alembic.ini")),
            Mark::Pyproject(_) => Some(directory.join("pyproject.toml")),
            Mark::VersionsLink(_) => Some(directory.join("versions")),
            Mark::ScriptDirectory | Mark::Migrations | Mark::Link(_) => None,
        };
        let mut files: Vec<RepoPath> = marks.iter().filter_map(file).collect();
        let nested = |(directory, mark): &(RepoPath, Mark)| {
            let above = |(other, mark): &(RepoPath, Mark)| {
                *mark == Mark::ScriptDirectory
                    && directory.is_within(&other.join("versions"))
                    && *directory != other.join("versions")
            };
            *mark == Mark::Migrations && marks.iter().any(above)
        };
        // Only where there are sub-directories can code decide that they are read.
        if marks.iter().any(nested) {
            files.extend(self.scanner.naming_version_locations(objects, root)?.iter().cloned());
        }
        Ok(files)
    }

    fn configuration_meaning(
        &mut self,
        objects: &Objects,
        path: &RepoPath,
        blob: BlobId,
    ) -> Result<String, Error> {
        if path.name().ends_with(b".py") {
            let names = self.scanner.blob_names_version_locations(objects, blob)?;
            return Ok(String::from(if names { "version_locations" } else { "" }));
        }
        if path.name() == "versions" {
            // A symbolic link says where the versions are.
            return Ok(String::from_utf8_lossy(&objects.needed_blob(blob)?).into_owned());
        }
        let configured = self.configured(objects, path, blob)?;
        Ok(if configured.is_empty() { String::new() } else { format!("{configured:?}") })
    }

    fn nests_migrations(&mut self, objects: &Objects, tree: TreeId) -> Result<bool, Error> {
        self.scanner.nests_migrations(objects, tree)
    }

    fn unscanned(
        &mut self,
        objects: &Objects,
        root: TreeId,
        environment: &Environment,
    ) -> Result<Vec<(RepoPath, usize)>, Error> {
        let marks = self.scanner.scan(objects, root)?;
        let directories: BTreeSet<&RepoPath> = marks
            .iter()
            .filter(|(directory, mark)| {
                *mark == Mark::Migrations
                    && directory.is_within(&environment.directory)
                    && !covers(environment, directory)
            })
            .map(|(directory, _)| directory)
            .collect();
        let mut unscanned = Vec::new();
        for directory in directories {
            let count = self.scanner.count_migrations(objects, root, directory)?;
            unscanned.push((directory.clone(), count));
        }
        Ok(unscanned)
    }
}

impl AlembicFinder {
    /// A Python file that names `version_locations` computes them; those are then the
    /// sub-directories that hold migrations.
    fn read_sub_directories(
        &mut self,
        objects: &Objects,
        root: TreeId,
        environment: &mut Environment,
        marks: &[(RepoPath, Mark)],
    ) -> Result<(), Error> {
        let below = |location: &VersionLocation| {
            marks.iter().any(|(directory, mark)| {
                *mark == Mark::Migrations
                    && directory.is_within(&location.path)
                    && *directory != location.path
            })
        };
        let candidates: Vec<usize> = environment
            .version_locations
            .iter()
            .enumerate()
            .filter(|(_, location)| !location.recursive && below(location))
            .map(|(at, _)| at)
            .collect();
        if !candidates.is_empty() && !self.scanner.naming_version_locations(objects, root)?.is_empty() {
            for at in candidates {
                environment.version_locations[at].recursive = true;
            }
        }
        Ok(())
    }
}

/// Directory names under which applications keep one tree of migrations per database.
const DATABASES: [&[u8]; 11] = [
    b"postgresql",
    b"postgres",
    b"pg",
    b"psql",
    b"sqlite",
    b"sqlite3",
    b"mysql",
    b"mariadb",
    b"oracle",
    b"mssql",
    b"cockroachdb",
];

/// Twin trees, one per kind of database, are environments of their own: the same ids stand in each.
fn twins(environment: Environment, marks: &[(RepoPath, Mark)]) -> Vec<Environment> {
    let [location] = environment.version_locations.as_slice() else { return vec![environment] };
    if !location.recursive {
        return vec![environment];
    }
    let children: BTreeSet<RepoPath> = marks
        .iter()
        .filter(|(directory, mark)| *mark == Mark::Migrations && directory.is_within(&location.path))
        .map(|(directory, _)| {
            let below = directory.components().nth(location.path.components().count());
            below.map_or(location.path.clone(), |child| location.path.join(child))
        })
        .collect();
    let is_database = |child: &RepoPath| {
        *child != location.path && DATABASES.contains(&child.name().to_ascii_lowercase().as_slice())
    };
    if children.len() < 2 || !children.iter().all(is_database) {
        return vec![environment];
    }
    let twin = |path: RepoPath| Environment {
        name: String::new(),
        directory: path.clone(),
        version_locations: vec![VersionLocation { path, recursive: true }],
        ..environment.clone()
    };
    children.into_iter().map(twin).collect()
}

struct Search<'a> {
    objects: &'a Objects,
    root: TreeId,
    marks: &'a [(RepoPath, Mark)],
    found: Vec<Environment>,
}

impl Search<'_> {
    fn is_directory(&self, path: &RepoPath) -> Result<bool, Error> {
        Ok(self.objects.follow(self.root, path)?.is_some_and(|entry| entry.tree().is_some()))
    }

    fn configured(&mut self, configured: Configured) -> Result<(), Error> {
        let Some(directory) = self.locate(&configured.script_location, &configured.place)? else {
            return Ok(());
        };
        let mut locations = Vec::new();
        for value in configured.version_locations.iter().flatten() {
            // A location that is not there yet holds nothing; Alembic would make it.
            if let Some(path) = self.locate(value, &configured.place)? {
                locations.push(VersionLocation { path, recursive: configured.recursive });
            }
        }
        if configured.version_locations.is_none() {
            let path = directory.join("versions");
            locations.push(VersionLocation { path, recursive: configured.recursive });
        }
        // Several files may configure one environment (`alembic.ini` for production and for tests).
        if self.found.iter().any(|known| known.directory == directory && known.version_locations == locations)
        {
            return Ok(());
        }
        self.found.push(Environment {
            name: configured.name.unwrap_or_default(),
            dialect: "alembic",
            directory,
            version_locations: locations,
            found_by: configured.found_by,
            expected_heads: ExpectedHeads::ByLabel,
            file_template: configured.file_template,
        });
        Ok(())
    }

    /// `env.py` beside `script.py.mako` or `versions/`.
    fn script_directory(&mut self, directory: &RepoPath) {
        if self.found.iter().any(|known| known.directory == *directory) {
            return;
        }
        let location = VersionLocation { path: directory.join("versions"), recursive: false };
        self.found.push(self.plain(directory, location, "env.py"));
    }

    /// Migrations outside every script directory, as packages and plugins ship them.
    fn bare_directory(&mut self, directory: &RepoPath) {
        let known = self.found.iter().any(|known| {
            covers(known, directory) || (directory.is_within(&known.directory) && !known.directory.is_root())
        });
        if !known {
            let location = VersionLocation { path: directory.clone(), recursive: false };
            self.found.push(self.plain(directory, location, "revision files"));
        }
    }

    fn plain(&self, directory: &RepoPath, location: VersionLocation, found_by: &str) -> Environment {
        Environment {
            name: String::new(),
            dialect: "alembic",
            directory: directory.clone(),
            version_locations: vec![location],
            found_by: found_by.into(),
            expected_heads: ExpectedHeads::ByLabel,
            file_template: None,
        }
    }

    /// The directory that a `script_location` or a version location names: relative to the
    /// configuration file or to the top, a package, or an absolute path of some other machine whose
    /// end is found here.
    fn locate(&self, value: &str, place: &RepoPath) -> Result<Option<RepoPath>, Error> {
        let value = value.trim();
        if let Some(relative) = value.strip_prefix(HERE).filter(|relative| relative.len() <= MAX_PATH) {
            return self.existing([place.resolve(relative.trim_start_matches('/').as_bytes())]);
        }
        if value.is_empty() || value.len() > MAX_PATH {
            return Ok(None);
        }
        let (relative, package) = match value.split_once(':') {
            // `C:\…` is no package. Alembic joins all parts behind the package's name.
            Some((package, rest)) if package.len() > 1 && !rest.starts_with('\\') => {
                (format!("{}/{}", package.replace('.', "/"), rest.replace(':', "/")), true)
            }
            _ => (value.replace('\\', "/"), false),
        };
        let relative = relative.trim_end_matches('/');
        let absolute = relative.starts_with('/');
        let mut starts = vec![place.clone()];
        while let Some(last) = starts.last().filter(|last| !last.is_root()) {
            let parent = last.parent();
            starts.push(parent);
        }
        if package {
            let sources: Vec<RepoPath> =
                starts.iter().flat_map(|start| [start.join("src"), start.join("lib")]).collect();
            starts.extend(sources);
        }
        let mut rest = relative.trim_start_matches('/');
        for _ in 0..MAX_OUTER {
            let candidates = starts.iter().map(|start| start.resolve(rest.as_bytes()));
            if let Some(found) = self.existing(candidates)? {
                return Ok(Some(found));
            }
            match rest.split_once('/') {
                Some((_, shorter)) if absolute => rest = shorter,
                _ => break,
            }
        }
        // A package somewhere below: any script directory whose path ends like that.
        let ending = RepoPath::new(relative);
        let ends_alike = |directory: &RepoPath| {
            let rest = directory.as_bytes().strip_suffix(ending.as_bytes().as_bytes());
            rest.is_some_and(|rest| rest.ends_with(b"/"))
        };
        Ok(self
            .marks
            .iter()
            .find(|(directory, mark)| package && *mark == Mark::ScriptDirectory && ends_alike(directory))
            .map(|(directory, _)| directory.clone()))
    }

    fn existing(
        &self,
        candidates: impl IntoIterator<Item = Option<RepoPath>>,
    ) -> Result<Option<RepoPath>, Error> {
        for candidate in candidates.into_iter().flatten() {
            if self.is_directory(&candidate)? {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }
}

/// Whether `directory` is scanned as part of `environment`.
fn covers(environment: &Environment, directory: &RepoPath) -> bool {
    environment.version_locations.iter().any(|location| {
        *directory == location.path || (location.recursive && directory.is_within(&location.path))
    })
}

fn from_ini(directory: &RepoPath, text: &[u8]) -> Vec<Configured> {
    let Ok(ini) = Ini::from_bytes(text) else { return Vec::new() };
    let file = directory.join("alembic.ini");
    let mut found = Vec::new();
    // What DEFAULT says shows up in every section; only Alembic's own counts then.
    let says = |section: &&str| *section == "alembic" || ini.has_own(section, "script_location");
    for section in ini.sections().filter(says).take(MAX_SECTIONS) {
        let get = |option| ini.get(section, option, HERE).ok().flatten();
        let Some(script_location) = get("script_location").filter(|value| value.len() <= MAX_PATH) else {
            continue;
        };
        let version_locations =
            get("version_locations").filter(|value| !value.trim().is_empty()).map(|value| {
                let separator = get("path_separator").or_else(|| get("version_path_separator"));
                split_locations(&value, separator.as_deref())
            });
        found.push(Configured {
            name: (section != "alembic").then(|| section.to_owned()),
            found_by: format!("{file} [{section}]"),
            place: directory.clone(),
            script_location,
            version_locations,
            recursive: get("recursive_version_locations").is_some_and(|value| value.trim() == "true"),
            file_template: get("file_template"),
        });
    }
    found
}

/// As `alembic.config.Config._get_file_separator_char` and `get_version_locations_list` split.
fn split_locations(value: &str, separator: Option<&str>) -> Vec<String> {
    let parts: Vec<&str> = match separator.map(str::trim) {
        Some("space") => value.split(' ').collect(),
        Some("newline") => value.split('\n').collect(),
        // The separator of the machine that deploys; onehead's users are on both kinds.
        Some("os") => value.split(if value.contains(';') { ';' } else { ':' }).collect(),
        Some(":") => value.split(':').collect(),
        Some(";") => value.split(';').collect(),
        _ => value.split([',', ' ', '\n']).collect(),
    };
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.take(MAX_LOCATIONS).map(str::to_owned).collect()
}

fn from_pyproject(directory: &RepoPath, text: &str) -> Option<Configured> {
    let document: toml::Table = text.parse().ok()?;
    let alembic = document.get("tool")?.get("alembic")?.as_table()?;
    // Alembic replaces `%(here)s` here as in the ini.
    let expand = |value: &toml::Value| Some(value.as_str()?.replace("%(here)s", HERE).replace("%%", "%"));
    let text = |key: &str| alembic.get(key).and_then(expand);
    let version_locations = match alembic.get("version_locations") {
        Some(toml::Value::Array(values)) => Some(values.iter().filter_map(expand).collect()),
        Some(value) => expand(value).map(|value| vec![value]),
        None => None,
    };
    Some(Configured {
        name: None,
        found_by: format!("{} [tool.alembic]", directory.join("pyproject.toml")),
        place: directory.clone(),
        script_location: text("script_location")?,
        version_locations,
        recursive: alembic.get("recursive_version_locations").and_then(toml::Value::as_bool).unwrap_or(false),
        file_template: text("file_template"),
    })
}

/// Names: the ini section where it is not the usual one, else the directory; made unique.
fn name_all(found: &mut [Environment]) {
    for environment in found.iter_mut().filter(|environment| environment.name.is_empty()) {
        environment.name = match environment.directory.is_root() {
            true => ".".into(),
            false => environment.directory.to_string(),
        };
    }
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for environment in found.iter() {
        *count.entry(environment.name.clone()).or_default() += 1;
    }
    let mut number: BTreeMap<String, usize> = BTreeMap::new();
    for environment in found.iter_mut().filter(|environment| count[&environment.name] > 1) {
        let with_directory = format!("{} ({})", environment.name, environment.directory);
        let same = number.entry(with_directory.clone()).or_default();
        *same += 1;
        environment.name = if *same == 1 { with_directory } else { format!("{with_directory} #{same}") };
    }
}

#[cfg(test)]
mod tests {
    use super::{AlembicFinder, Environment, Finder as _, from_ini};
    use crate::vcs::RepoPath;
    use crate::vcs::testing::{Scratch, tree};

    fn find(files: &[(&str, &str)]) -> Vec<Environment> {
        let scratch = Scratch::new();
        let repo = scratch.repo();
        let root = tree(repo.objects(), files);
        AlembicFinder::default().find(repo.objects(), root).unwrap()
    }

    /// The directory that the ini's `script_location` leads to among `files`.
    fn located(value: &str, files: &[&str]) -> Option<String> {
        let ini = format!("[alembic]\nscript_location = {value}\n");
        let files: Vec<(&str, &str)> = [("etc/alembic.ini", ini.as_str())]
            .into_iter()
            .chain(files.iter().map(|file| (*file, "")))
            .collect();
        let found = find(&files).into_iter().find(|found| found.found_by != "env.py");
        found.map(|found| found.directory.to_string())
    }

    fn sections(text: &str) -> Vec<(Option<String>, String)> {
        let found = from_ini(&RepoPath::root(), text.as_bytes());
        found.into_iter().map(|configured| (configured.name, configured.script_location)).collect()
    }

    #[test]
    fn what_default_says_counts_for_alembic_alone() {
        let text = "[DEFAULT]\nscript_location = a\n[alembic]\n[other]\nx = 1\n[own]\nscript_location = b\n";
        assert_eq!(sections(text), [(None, "a".into()), (Some("own".into()), "b".into())]);
        let many: String = (0..50_000).map(|at| format!("[s{at}]\nscript_location = m\n")).collect();
        assert_eq!(sections(&many).len(), 256);
    }

    #[test]
    fn a_package_path_may_have_several_parts() {
        let files = ["src/prefect/server/database/_migrations/env.py"];
        let place = Some("src/prefect/server/database/_migrations".into());
        assert_eq!(located("prefect:server:database:_migrations", &files), place);
        assert_eq!(located("prefect.server:database/_migrations", &files), place);
        assert_eq!(located("prefect:server.database:_migrations", &files), None);
    }

    #[test]
    fn versions_may_be_a_symbolic_link() {
        let migration = "revision = 'a1'\ndown_revision = None\n";
        let directories = |files: &[(&str, &str)]| -> Vec<String> {
            find(files).iter().map(|found| format!("{} {}", found.directory, found.found_by)).collect()
        };
        let mut files =
            vec![("m/env.py", ""), ("m/versions", "->../shared/all"), ("shared/all/0001_a1.py", migration)];
        assert_eq!(directories(&files), ["m env.py"]);
        let place = |files: &[(&str, &str)]| find(files)[0].version_locations[0].path.to_string();
        assert_eq!(place(&files), "shared/all");
        assert_eq!(place(&[("m/env.py", ""), ("m/versions", "->versions")]), "m/versions");
        // Not beside env.py, it is a link like any other.
        files[0].0 = "m/other.py";
        assert_eq!(directories(&files), ["shared/all revision files"]);
    }

    #[test]
    fn a_location_of_another_machine_is_found_and_an_endless_one_is_not() {
        let files = ["app/db/env.py"];
        assert_eq!(located("/srv/www/app/db", &files), Some("app/db".into()));
        assert_eq!(located(&format!("/{}app/db", "a/".repeat(63)), &files), Some("app/db".into()));
        assert_eq!(located(&format!("/{}app/db", "a/".repeat(64)), &files), None);
        assert_eq!(located(&format!("{}app/db", "./".repeat(2000)), &files), Some("app/db".into()));
        assert_eq!(located(&format!("{}app/db", "./".repeat(2100)), &files), None);
    }
}
