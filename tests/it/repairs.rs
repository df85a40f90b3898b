//! The `fixes` of `fixtures/histories`: each is planned, written as commits, as one commit and as a patch, read again
//! and taken back, in a repository of its own.

use std::fmt::Write as _;
use std::process::{Command, Output};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::histories::{escapes, named};
use crate::support::expect::differences;
use crate::support::history::{Fix, History, Layout, Run};
use crate::support::onehead::{self, Answer};
use crate::support::repository::{Repository, environment, isolate};

/// Repairs what the history lists, and compares plan, differences, messages and trees with the snapshot.
pub fn check(name: &str, history: &History) {
    if history.fixes.is_empty() {
        return;
    }
    let mut transcript = String::new();
    let mut failures = Vec::new();
    for fix in &history.fixes {
        let mut case =
            Case { repository: Repository::build(history), fix, renamed: Vec::new(), failures: Vec::new() };
        case.repair(history.layout, &mut transcript);
        let title = case.command(&[]).join(" ");
        failures.extend(case.failures.into_iter().map(|failure| format!("{title}: {failure}")));
    }
    assert!(failures.is_empty(), "{}\n\n{}\n\n{transcript}", history.about.trim(), failures.join("\n"));
    insta::with_settings!({
        snapshot_path => "snapshots/fixes",
        prepend_module_to_snapshot => false,
        omit_expression => true,
        description => history.about.trim(),
    }, {
        insta::assert_snapshot!(name, transcript);
    });
}

/// The branch that repairs are written to.
const BRANCH: &str = "repaired";

struct Case<'h> {
    repository: Repository,
    fix: &'h Fix,
    /// Old and new names, once planned.
    renamed: Vec<(String, String)>,
    failures: Vec<String>,
}

impl Case<'_> {
    fn repair(&mut self, layout: Layout, transcript: &mut String) {
        let before = self.git(&["for-each-ref"]);
        let plan = self.onehead(&self.command(&[]));
        record(transcript, &self.command(&[]), &plan);
        self.planned(&plan);
        if self.fix.steps.is_empty() {
            let answer = self.onehead(&self.command(&["--commit", "--branch", BRANCH]));
            self.demand(answer.exit == plan.exit, || format!("--commit: exit {:?}", answer.exit));
            self.demand_same("refs", &before, &self.git(&["for-each-ref"]));
            return;
        }
        self.demand_same("refs after the plan", &before, &self.git(&["for-each-ref"]));
        self.written(&before, &plan, layout, transcript);
        let tree = self.squashed();
        if layout == Layout::Repository {
            self.patched(&tree);
        }
    }

    /// What the plan says, as text and as JSON.
    fn planned(&mut self, plan: &Answer) {
        self.failures.extend(escapes(plan));
        let exit =
            self.fix.exit.unwrap_or(i32::from(!self.fix.steps.is_empty() || !self.fix.refused.is_empty()));
        self.demand(plan.exit == Some(exit), || {
            format!("exit {:?}, expected {exit}\n{}", plan.exit, plan.stderr)
        });
        for (channel, texts, actual) in
            [("stdout", &self.fix.says, &plan.stdout), ("stderr", &self.fix.stderr, &plan.stderr)]
        {
            for text in texts.iter().map(|text| self.repository.named(text)) {
                if !actual.contains(&text) {
                    self.failures.push(format!("{channel} lacks {text:?}"));
                }
            }
        }
        if exit == 2 {
            return;
        }
        let json = self.onehead(&self.command(&["--format", "json"]));
        self.demand(json.exit == plan.exit, || format!("as JSON: exit {:?}", json.exit));
        let document: Value = serde_json::from_str(&json.stdout).expect("a JSON document");
        let all = |list: &str, field: &str| -> Vec<String> {
            let items = document[list].as_array().expect("a list");
            items.iter().map(|item| item[field].as_str().expect("a text").to_owned()).collect()
        };
        let changes = document["id_changes"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        self.renamed = changes.map(|change| (text(&change["from"]), text(&change["to"]))).collect();
        let (steps, refused) = (all("steps", "kind"), all("refused", "rule"));
        self.demand(steps == self.fix.steps, || format!("steps {steps:?}, expected {:?}", self.fix.steps));
        self.demand(refused == self.fix.refused, || {
            format!("refused {refused:?}, expected {:?}", self.fix.refused)
        });
        if let Some(heads) = &self.fix.heads {
            let after = serde_json::json!(heads);
            let planned = &document["heads_after"];
            self.demand(*planned == after, || format!("heads after: {planned}, expected {after}"));
        }
        if let Some(expected) = &self.fix.expect {
            self.failures.extend(differences(&named(&self.repository, expected), &document));
        }
    }

    /// Commits the repair, looks at what came of it, and takes it back.
    fn written(&mut self, before: &str, plan: &Answer, layout: Layout, transcript: &mut String) {
        let head = self.head();
        let status = (layout != Layout::Bare).then(|| self.git(&["status", "--porcelain"]));
        let command = self.command(&["--commit", "--branch", BRANCH]);
        let done = self.onehead(&command);
        let exit = i32::from(!self.fix.refused.is_empty());
        self.demand(done.exit == Some(exit), || format!("--commit: exit {:?}\n{}", done.exit, done.stderr));
        let end = |text: &str| text.find("\n  next: onehead fix --commit").unwrap_or(text.len());
        let same = done.stdout.starts_with(&plan.stdout[..end(&plan.stdout)]);
        self.demand(same, || format!("--commit shows another plan:\n{}", done.stdout));
        let rest = done.stdout.get(end(&plan.stdout)..).unwrap_or_default().to_owned();
        record(transcript, &command, &Answer { stdout: rest.trim_start().to_owned(), ..done });

        self.demand_same("fsck", "", &self.git(&["fsck", "--strict", "--no-dangling"]));
        if let Some(status) = status {
            self.demand_same("status", &status, &self.git(&["status", "--porcelain"]));
        }
        let kept =
            |line: &&str| !line.ends_with(&format!("refs/heads/{BRANCH}")) && !line.contains("refs/onehead/");
        let after = self.git(&["for-each-ref"]);
        let others: String = after.lines().filter(kept).map(|line| format!("{line}\n")).collect();
        self.demand_same("other refs", before, &others);

        let log = self.git(&["log", "--reverse", "--format=%h %an%n%B", &format!("{head}..{BRANCH}")]);
        writeln!(transcript, "$ git log\n{}\n", log.trim_end()).unwrap();
        writeln!(transcript, "$ git ls-tree -r\n{}", self.git(&["ls-tree", "-r", BRANCH])).unwrap();
        let changed = self.git(&["diff", "--name-only", "--no-renames", "--diff-filter=AM", &head, BRANCH]);
        for path in changed.lines() {
            let text = self.git(&["cat-file", "-p", &format!("{BRANCH}:{path}")]);
            writeln!(transcript, "$ git show :{path}\n{text}").unwrap();
        }
        self.only_ids_changed(&head);

        let again = self.onehead(&self.command_on(BRANCH, &[]));
        // What was refused may be refused again, where the merge still brings it.
        let nothing = again.stdout == "nothing to repair\n" && again.exit == Some(0);
        let refused = exit == 1 && !again.stdout.contains("next: onehead fix") && again.exit == Some(1);
        let quiet = nothing || refused;
        self.demand(quiet, || format!("the second fix finds something:\n{}", again.stdout));

        let undone = self.onehead(&["fix".to_owned(), "--undo".to_owned()]);
        self.demand(undone.exit == Some(0), || format!("--undo: {}", undone.stderr));
        self.demand_same("refs after --undo", before, &self.git(&["for-each-ref"]));
    }

    /// A file that stays where it was differs in its header's ids, or names what is called otherwise by now.
    fn only_ids_changed(&mut self, head: &str) {
        static ALLOWED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#"^[+-](?:revision|down_revision|depends_on|Revis|\s*['"(\[{)\]}]|\S*$)"#).unwrap()
        });
        let diff = self.git(&["diff", "-U0", "--no-renames", "--diff-filter=M", head, BRANCH]);
        let renamed = |line: &str| {
            let names = self.renamed.iter();
            names.fold(line.to_owned(), |line, (from, to)| {
                let word = Regex::new(&format!(r"\b{}\b", regex::escape(from))).unwrap();
                word.replace_all(&line, to.as_str()).into_owned()
            })
        };
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for line in diff.lines().filter(|line| !line.starts_with("+++") && !line.starts_with("---")) {
            match line.split_at_checked(1) {
                _ if ALLOWED.is_match(line) => {}
                Some(("-", text)) => gone.push(renamed(text)),
                Some(("+", text)) => come.push(text.to_owned()),
                _ => {}
            }
        }
        self.demand(gone == come, || format!("more than ids changed: {gone:?} became {come:?}"));
    }

    /// One commit for all steps has the tree that the commits end with, which is the answer.
    fn squashed(&mut self) -> String {
        let [tree, squashed] = [&[][..], &["--squash"]].map(|more| {
            self.onehead(&self.command(&[&["--commit", "--branch", BRANCH], more].concat()));
            let tree = self.git(&["rev-parse", &format!("{BRANCH}^{{tree}}")]);
            self.onehead(&["fix".to_owned(), "--undo".to_owned()]);
            tree
        });
        self.demand_same("the tree of --squash", &tree, &squashed);
        tree
    }

    /// `git am` of the patch makes the tree of the commits.
    fn patched(&mut self, tree: &str) {
        let patch = self.run(env!("CARGO_BIN_EXE_onehead"), &self.command(&["--patch"]));
        self.demand(patch.status.success(), || format!("--patch: {}", patch.status));
        let mail = self.repository.home().join("fix.mbox");
        std::fs::write(&mail, patch.stdout).unwrap();
        self.git(&["checkout", "--quiet", "--force", "--detach", &self.head()]);
        self.git(&["am", "--quiet", "--keep-cr", mail.to_str().unwrap()]);
        let am = self.git(&["rev-parse", "HEAD^{tree}"]);
        self.demand_same("the tree of git am", tree, &am);
    }

    fn head(&self) -> String {
        let head = self.fix.head.as_deref().unwrap_or("HEAD");
        self.git(&["rev-parse", &self.repository.named(head)]).trim().to_owned()
    }

    fn command(&self, options: &[&str]) -> Vec<String> {
        self.command_on(self.fix.head.as_deref().unwrap_or("HEAD"), options)
    }

    fn command_on(&self, head: &str, options: &[&str]) -> Vec<String> {
        let mut command = vec!["fix".to_owned()];
        if head != "HEAD" {
            command.extend(["--head".to_owned(), head.to_owned()]);
        }
        command.extend(self.fix.args.iter().cloned());
        command.extend(options.iter().map(|&option| option.to_owned()));
        command
    }

    fn onehead(&self, command: &[String]) -> Answer {
        static UNDO: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"refs/onehead/undo/\d{8}T\d{6}Z(?:-\d+)?").unwrap());
        let run = Run {
            args: Vec::new(),
            exit: 0,
            expect: None,
            stdout: Vec::new(),
            stderr: Vec::new(),
            dir: None,
        };
        let answer = onehead::run(&self.repository, &run, command);
        Answer { stdout: UNDO.replace_all(&answer.stdout, "refs/onehead/undo/[TIME]").into_owned(), ..answer }
    }

    fn git(&self, args: &[&str]) -> String {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let output = self.run("git", &args);
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn run(&self, program: &str, args: &[String]) -> Output {
        let mut command = Command::new(program);
        isolate(|name| {
            command.env_remove(name);
        });
        command.envs(environment(&self.repository.home()));
        let args = args.iter().map(|arg| self.repository.named(arg));
        command.current_dir(self.repository.path()).args(args).output().unwrap()
    }

    fn demand(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(otherwise());
        }
    }

    fn demand_same(&mut self, what: &str, before: &str, after: &str) {
        self.demand(before == after, || format!("{what}: {after:?}, expected {before:?}"));
    }
}

fn record(transcript: &mut String, command: &[String], answer: &Answer) {
    let exit = answer.exit.map_or_else(|| "killed".to_owned(), |exit| exit.to_string());
    writeln!(transcript, "$ onehead {}", command.join(" ")).unwrap();
    transcript.push_str(&answer.stdout);
    if !answer.stderr.is_empty() {
        transcript.push_str("--- stderr\n");
        transcript.push_str(&answer.stderr);
    }
    writeln!(transcript, "--- exit {exit}\n").unwrap();
}
