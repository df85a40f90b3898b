//! The trunk at the place that receives a push.

use crate::vcs::{CommitId, Error, Repo};

/// What is known of the trunk of the repository that receives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    /// As people name it.
    pub name: String,
    /// Its tip, as far as this copy knows.
    pub commit: Option<CommitId>,
    /// Full names there, of which the first that is there is the trunk.
    pub candidates: Vec<String>,
    /// The trunk of another repository, for a trunk that is not there yet: what is published is no news.
    pub elsewhere: Option<CommitId>,
}

/// Finds the trunk: as `named`, else by convention. `remote` is the name of the repository that receives, or its
/// address, where that is another one than `repo`.
///
/// # Errors
/// When `named` names nothing that is here or may come.
pub fn receiver(repo: &Repo, remote: Option<&str>, named: Option<&str>) -> Result<Receiver, Error> {
    match remote {
        Some(remote) => there(repo, remote, named),
        None => here(repo, named),
    }
}

fn heads(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("refs/heads/{name}")).collect()
}

/// The trunk of `repo` itself, which receives. A bare repository says by its HEAD what `origin/HEAD` is in its clones.
fn here(repo: &Repo, named: Option<&str>) -> Result<Receiver, Error> {
    if let Some(name) = named {
        // `origin/main` is what a clone calls it.
        let short = name.strip_prefix("refs/heads/").unwrap_or(name);
        let plain = short.strip_prefix("refs/remotes/").unwrap_or(short);
        let plain = plain.strip_prefix("origin/").unwrap_or(plain);
        let candidates = heads(&[plain]);
        let commit = match repo.find_ref(&candidates[0]) {
            Some(found) => Some(found.commit),
            None => repo.resolve(name).ok(),
        };
        return Ok(Receiver { name: plain.to_owned(), commit, candidates, elsewhere: None });
    }
    let head = match repo.work_tree() {
        None => repo.find_ref("HEAD").filter(|head| head.name.starts_with("refs/heads/")),
        Some(_) => None,
    };
    if let Some(head) = head {
        let name = short(&head.name).to_owned();
        return Ok(Receiver {
            name,
            commit: Some(head.commit),
            candidates: vec![head.name],
            elsewhere: None,
        });
    }
    let found = ["refs/heads/main", "refs/heads/master"].iter().find_map(|name| repo.find_ref(name));
    Ok(match found {
        Some(found) => Receiver {
            name: short(&found.name).to_owned(),
            commit: Some(found.commit),
            candidates: vec![found.name],
            elsewhere: None,
        },
        None => {
            Receiver { name: "main".into(), candidates: heads(&["main", "master"]), ..Receiver::default() }
        }
    })
}

/// The trunk of `remote` as this copy knows it.
fn there(repo: &Repo, remote: &str, named: Option<&str>) -> Result<Receiver, Error> {
    let tracked = |name: &str| repo.find_ref(&format!("refs/remotes/{remote}/{name}"));
    let prefix = format!("refs/remotes/{remote}/");
    let known = |found: crate::vcs::RefTip| {
        let branch = found.name.strip_prefix(&prefix).unwrap_or(&found.name).to_owned();
        Receiver {
            name: short(&found.name).to_owned(),
            commit: Some(found.commit),
            candidates: heads(&[&branch]),
            elsewhere: None,
        }
    };
    if let Some(name) = named {
        let plain =
            name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/remotes/")).unwrap_or(name);
        let own = format!("{remote}/");
        let plain = plain.strip_prefix(&own).or_else(|| plain.strip_prefix("origin/")).unwrap_or(plain);
        if let Some(found) = tracked(plain) {
            return Ok(known(found));
        }
        let commit = repo.resolve(name)?;
        let is_local =
            repo.find_ref(&format!("refs/heads/{plain}")).is_some_and(|found| found.commit == commit);
        return Ok(Receiver {
            name: name.to_owned(),
            commit: Some(commit),
            candidates: heads(&[plain]),
            // A local branch is what is pushed, and says nothing of what is there.
            elsewhere: (!is_local).then_some(commit),
        });
    }
    if let Some(found) = ["HEAD", "main", "master"].iter().find_map(|name| tracked(name)) {
        return Ok(known(found));
    }
    let elsewhere = repo.find_ref("refs/remotes/origin/HEAD");
    let local = || ["refs/heads/main", "refs/heads/master"].iter().find_map(|name| repo.find_ref(name));
    let found = elsewhere.clone().or_else(local);
    let mut receiver = Receiver { candidates: heads(&["main", "master"]), ..Receiver::default() };
    if let Some(found) = found {
        receiver.name = short(&found.name).to_owned();
        receiver.commit = Some(found.commit);
        let branch = found.name.strip_prefix("refs/remotes/origin/").unwrap_or(short(&found.name));
        receiver.candidates = heads(&[branch]);
    }
    receiver.elsewhere = elsewhere.map(|found| found.commit);
    Ok(receiver)
}

/// A ref as git's commands show it.
fn short(name: &str) -> &str {
    ["refs/heads/", "refs/remotes/"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}
