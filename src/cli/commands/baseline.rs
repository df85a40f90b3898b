//! `check --write-baseline`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::args::Global;
use crate::cli::config::{BaselineEntry, Config, FILE_NAME, NotAppended, append};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::output_file;
use crate::cli::session::{Session, read_regular};
use crate::cli::shell::shell_word;
use crate::report::model::Finding;
use crate::rules::UNUSED_SUPPRESSION;
use crate::vcs::{FileEdit, RepoPath};

/// Adds an entry for each finding that has none to the configuration on disk.
pub(super) fn write(
    session: &Session<'_>,
    global: &Global,
    (findings, reason): (&[Finding], &str),
    out: &mut Output,
) -> Result<Verdict, Failure> {
    let target = Target::of(session, global)?;
    let old = target.read()?;
    let text = String::from_utf8(old.clone().unwrap_or_default())
        .map_err(|_| Failure::new(format!("{}: it is not UTF-8", target.name()), "save it as UTF-8"))?;
    let known = Config::parse(&target.name(), text.as_bytes())?.baseline;
    let mut entries = entries(findings, reason);
    entries.retain(|entry| !known.iter().any(|known| known.is_like(entry)));
    if entries.is_empty() {
        writeln!(out.report, "nothing to accept: {} is as it was", target.name())?;
        return Ok(Verdict::Clean);
    }
    let extended = append(&text, &entries).map_err(|NotAppended| {
        Failure::new(
            format!("{}: entries cannot be added to it without touching the rest", target.name()),
            "write 'baseline:' with one '- rule: ...' a line, or remove it",
        )
    })?;
    target.write(session, old, extended)?;
    let number = entries.len();
    let findings = if number == 1 { "finding" } else { "findings" };
    writeln!(out.report, "accepted {number} {findings} in {}", target.name())?;
    if let Target::WorkTree(_) = target {
        writeln!(out.report, "  next: git add -- {FILE_NAME}   (it counts once it is committed)")?;
    }
    Ok(Verdict::Clean)
}

/// One entry for each finding, as narrow as what it concerns; the subject tells those apart that are alike.
fn entries(findings: &[Finding], reason: &str) -> Vec<BaselineEntry> {
    let entry = |finding: &Finding| {
        let entry = BaselineEntry::new(&finding.rule, finding.environment.as_deref(), reason)
            .with_revisions(&finding.revisions);
        match finding.revisions.is_empty() {
            true => entry.with_path(finding.places.first().map(|place| place.path.as_str())),
            false => entry,
        }
    };
    let findings = findings.iter().filter(|finding| finding.rule != UNUSED_SUPPRESSION);
    let all: Vec<(BaselineEntry, &str)> =
        findings.map(|finding| (entry(finding), finding.subject.as_str())).collect();
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    for (entry, _) in &all {
        *alike.entry(format!("{entry:?}")).or_default() += 1;
    }
    all.into_iter()
        .map(|(entry, subject)| match alike[&format!("{entry:?}")] {
            1 => entry,
            _ => entry.with_subject(subject),
        })
        .collect()
}

/// The file that is written.
enum Target {
    /// `onehead.yaml` at the top of this work tree.
    WorkTree(PathBuf),
    /// What `--config` names.
    Named(PathBuf),
}

impl Target {
    fn of(session: &Session<'_>, global: &Global) -> Result<Self, Failure> {
        match (&global.config, session.repo.work_tree()) {
            (Some(path), _) => Ok(Self::Named(path.clone())),
            (None, Some(top)) => Ok(Self::WorkTree(top.join(FILE_NAME))),
            (None, None) => Err(Failure::new(
                "there is no work tree to write onehead.yaml to",
                "onehead check --write-baseline --config FILE",
            )),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::WorkTree(path) | Self::Named(path) => path,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::WorkTree(_) => FILE_NAME.to_owned(),
            Self::Named(path) => shell_word(&path.display().to_string()),
        }
    }

    fn read(&self) -> Result<Option<Vec<u8>>, Failure> {
        if self.path().symlink_metadata().is_err() {
            return Ok(None);
        }
        read_regular(self.path()).map(Some).map_err(|reason| {
            Failure::new(format!("cannot read {}: {reason}", self.name()), "make it a regular file")
        })
    }

    fn write(&self, session: &Session<'_>, old: Option<Vec<u8>>, new: String) -> Result<(), Failure> {
        match self {
            Self::Named(path) => output_file::write(path, new.as_bytes()),
            Self::WorkTree(_) => {
                let read = old.map(|text| session.repo.objects().write_blob(text)).transpose()?;
                let path = RepoPath::new(FILE_NAME);
                session.repo.write_files(&[FileEdit { path, new_path: None, read, content: new.into() }])?;
                Ok(())
            }
        }
    }
}
