use std::io::Write as _;

use super::locate;
use crate::check::Side;
use crate::cli::args::{ExplainArgs, Format, Global};
use crate::cli::config::keys;
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::pages::{rule_page, rule_pages};
use crate::cli::session::Session;
use crate::explain::{Statement, Trouble, answer, recognize};
use crate::plan::REPAIRABLE;
use crate::report::convert;
use crate::report::explain_text::explain_text;
use crate::report::model::{self, ConfigurationKey, ErrorAnswer, ExplainDocument, RulePage, VERSION};
use crate::revision::Environment;
use crate::rules::by_name;

pub(super) fn run(global: &Global, args: &ExplainArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let document = match &args.topic {
        None => document(rule_pages(), Vec::new()),
        Some(topic) => match rule(topic.trim()).or_else(|| configuration(topic.trim())) {
            Some(document) => document,
            None => error_message(global, topic, out)?,
        },
    };
    match args.format {
        Format::Json => out.json(&document)?,
        Format::Text => explain_text(&document, &mut out.report)?,
    }
    out.report.flush()?;
    Ok(Verdict::Clean)
}

fn document(rules: Vec<RulePage>, configuration: Vec<ConfigurationKey>) -> ExplainDocument {
    ExplainDocument { schema: "onehead/explain/v1", version: VERSION, rules, configuration, answer: None }
}

fn rule(topic: &str) -> Option<ExplainDocument> {
    // As reports have it: `error[multiple-heads]`.
    let name = topic.split_once('[').map_or(topic, |(_, rest)| rest.trim_end_matches(']'));
    by_name(&name.to_ascii_lowercase()).map(|rule| document(vec![rule_page(rule)], Vec::new()))
}

fn configuration(topic: &str) -> Option<ExplainDocument> {
    if !["configuration", "config", "onehead.yaml"].contains(&topic) {
        return None;
    }
    let key =
        |(key, description): (&'static str, String)| ConfigurationKey { key: key.to_owned(), description };
    Some(document(Vec::new(), keys().into_iter().map(key).collect()))
}

fn error_message(global: &Global, topic: &str, out: &mut Output) -> Result<ExplainDocument, Failure> {
    let Some(trouble) = recognize(topic) else { return Err(unknown(topic)) };
    let mut told = ErrorAnswer {
        meaning: trouble.meaning(),
        commit: None,
        findings: Vec::new(),
        facts: Vec::new(),
        located: None,
        statements: Vec::new(),
    };
    match Session::open(global) {
        Ok(session) => ask_repository(session, &trouble, &mut told, out)?,
        Err(_) => out.note("no repository was asked: there is none here"),
    }
    let pages = trouble.rules().iter().filter_map(|rule| by_name(rule)).map(rule_page).collect();
    Ok(ExplainDocument { answer: Some(told), ..document(pages, Vec::new()) })
}

fn ask_repository(
    mut session: Session<'_>,
    trouble: &Trouble,
    told: &mut ErrorAnswer,
    out: &mut Output,
) -> Result<(), Failure> {
    let study = session.study(Some("HEAD"))?;
    let mut reader = session.reader();
    let at = Side { tree: study.root, commit: study.commit, committed: true };
    let prepare =
        |environments: &mut Vec<Environment>| -> Result<(), Failure> { session.prepare(environments) };
    let mut notes = Vec::new();
    let mut tell = |note: &str| notes.push(note.to_owned());
    let answer = answer(&session.repo, &mut reader, trouble, at, &prepare, &mut tell)?;
    notes.iter().for_each(|note| out.note(note));
    told.commit = study.commit.map(|commit| commit.to_string());
    told.findings = answer.findings.iter().map(convert::finding).collect();
    told.facts = answer.facts;
    told.located = match &answer.located {
        Some(found) => Some(locate::document(&session.repo, false, study.commit, found)?),
        None => None,
    };
    let statement =
        |statement: Statement| model::Statement { purpose: statement.purpose, text: statement.text };
    told.statements = answer.statements.into_iter().map(statement).collect();
    if answer.findings.iter().any(|finding| REPAIRABLE.contains(&finding.rule)) {
        told.statements.push(model::Statement {
            purpose: "what would repair it, and what it rests on".to_owned(),
            text: "onehead fix".to_owned(),
        });
    }
    Ok(())
}

fn unknown(topic: &str) -> Failure {
    let words: Vec<&str> = topic.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let near: Vec<&str> = rule_pages()
        .into_iter()
        .map(|page| page.name)
        .filter(|name| name.split('-').any(|word| word.len() > 2 && words.contains(&word)))
        .collect();
    let hint = match near.as_slice() {
        [] => "onehead explain   (lists the rules)".to_owned(),
        near => format!("onehead explain {}", near.join("   or: onehead explain ")),
    };
    Failure::new(format!("'{topic}' is neither a rule nor an error message that onehead knows"), hint)
}
