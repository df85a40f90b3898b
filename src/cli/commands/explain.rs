use std::io::Write as _;

use crate::cli::args::{ExplainArgs, Format};
use crate::cli::config::keys;
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::pages::{rule_page, rule_pages};
use crate::report::explain_text::explain_text;
use crate::report::model::{ConfigurationKey, ExplainDocument, RulePage, VERSION};
use crate::rules::by_name;

/// What is asked for by name. Each looks at the topic and answers if it is its own, the first one wins.
const SOURCES: [fn(&str) -> Option<ExplainDocument>; 2] = [rule, configuration];

pub(super) fn run(args: &ExplainArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let document = match &args.topic {
        None => document(rule_pages(), Vec::new()),
        Some(topic) => match SOURCES.iter().find_map(|source| source(topic.trim())) {
            Some(document) => document,
            None => return Err(unknown(topic)),
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
    ExplainDocument { schema: "onehead/explain/v1", version: VERSION, rules, configuration }
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
    Failure::new(format!("there is no rule '{topic}'"), hint)
}
