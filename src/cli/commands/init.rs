use std::io::Write as _;

use crate::cli::args::{Global, InitArgs};
use crate::cli::config::FILE_NAME;
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::Session;
use crate::vcs::{FileEdit, RepoPath};

/// Every key, commented out.
const TEXT: &str = include_str!("../init.yaml");

pub(super) fn run(global: &Global, args: &InitArgs, out: &mut Output) -> Result<Verdict, Failure> {
    if args.print {
        out.report.write_all(TEXT.as_bytes())?;
        return Ok(Verdict::Clean);
    }
    let session = Session::open(global)?;
    let Some(top) = session.repo.work_tree() else {
        return Err(Failure::new(
            "this repository is bare: there is no work tree to write onehead.yaml to",
            "onehead init --print",
        ));
    };
    if top.join(FILE_NAME).symlink_metadata().is_ok() {
        return Err(Failure::new(
            format!("{FILE_NAME} is there already, and is not overwritten"),
            "onehead init --print   (to compare)",
        ));
    }
    let path = RepoPath::new(FILE_NAME);
    let edit = FileEdit { path, new_path: None, read: None, content: TEXT.as_bytes().to_vec() };
    session.repo.write_files(&[edit])?;
    writeln!(out.report, "wrote {FILE_NAME}: everything in it is commented out")?;
    writeln!(out.report, "  next: git add -- {FILE_NAME}")?;
    Ok(Verdict::Clean)
}

#[cfg(test)]
mod tests {
    use super::TEXT;
    use crate::cli::config::{Config, keys};

    /// The text with its keys in force: what stands behind `# ` and is no sentence.
    fn in_force() -> String {
        let key = |line: &str| {
            let text = line.strip_prefix("# ")?;
            let name = text.trim_start().trim_start_matches("- ").split(':').next()?;
            let is_key = text.contains(':') && name.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
            (is_key && text.starts_with(|c: char| c.is_lowercase() || c == ' ' || name == "DEBUG"))
                .then(|| text.to_owned())
        };
        TEXT.lines()
            .filter_map(key)
            .filter(|line| !line.starts_with("onehead:"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn every_key_is_there_and_holds() {
        let text = in_force();
        let config = Config::parse("onehead.yaml", text.as_bytes());
        assert!(config.is_ok(), "{config:?}\n{text}");
        for (key, _) in keys() {
            let name = key.rsplit('.').next().unwrap();
            assert!(text.contains(&format!("{name}:")), "{key}");
        }
        assert_eq!(Config::parse("onehead.yaml", TEXT.as_bytes()).ok(), Some(Config::default()));
    }
}
