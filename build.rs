//! Names the sources that a binary is built from: what one build keeps between runs is not for another one to read.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.lock");
    let mut files = sources(Path::new("src"))?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files.iter().map(PathBuf::as_path).chain([Path::new("Cargo.lock")]) {
        // A package may come without its lock file.
        (file, fs::read(file).unwrap_or_default()).hash(&mut hasher);
    }
    println!("cargo::rustc-env=ONEHEAD_SOURCES={:016x}", hasher.finish());
    Ok(())
}

/// All files below `directory`.
fn sources(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(sources(&path)?),
            false => found.push(path),
        }
    }
    Ok(found)
}
