//! Every history of `fixtures/histories`, built and asked. `fixtures/histories/README.md` describes the format.

use std::fmt::Write as _;

use serde_json::Value;

use crate::repairs;
use crate::support::expect::differences;
use crate::support::history::{self, Layout, Run};
use crate::support::onehead::{self, Answer};
use crate::support::repository::Repository;

/// Builds the history, runs its commands, and compares exit codes, facts and whole texts.
fn check(name: &str) {
    let history = history::load(name);
    repairs::check(name, &history);
    if history.runs.is_empty() {
        return;
    }
    let repository = Repository::build(&history);
    let mut failures = Vec::new();
    let mut transcript = String::new();
    for run in &history.runs {
        let answer = onehead::run(&repository, run, &run.args);
        record(&mut transcript, &run.args, &answer);
        let command = run.args.join(" ");
        failures.extend(escapes(&answer).map(|what| format!("{command}: {what}")));
        if answer.exit != Some(run.exit) {
            failures
                .push(format!("{command}: exit {:?}, expected {}\n{}", answer.exit, run.exit, answer.stderr));
        }
        for (channel, texts, actual) in
            [("stdout", &run.stdout, &answer.stdout), ("stderr", &run.stderr, &answer.stderr)]
        {
            let missing = texts.iter().filter(|text| !actual.contains(repository.named(text).as_str()));
            failures
                .extend(missing.map(|text| format!("{command}: {channel} lacks {text:?}, it is\n{actual}")));
        }
        if let Some(expected) = &run.expect {
            let expected = named(&repository, expected);
            match document(&repository, run, answer, &mut transcript) {
                Ok(actual) => failures
                    .extend(differences(&expected, &actual).iter().map(|what| format!("{command}: {what}"))),
                Err(failure) => failures.push(format!("{command}: {failure}")),
            }
        }
    }
    failures.extend(with_what_is_kept(&repository, &history.runs));
    if history.layout != Layout::Directory {
        failures.extend(with_a_commit_graph(&repository, &history.runs[0]));
    }
    assert!(failures.is_empty(), "{}\n\n{}", history.about.trim(), failures.join("\n"));
    insta::with_settings!({
        snapshot_path => "snapshots/histories",
        prepend_module_to_snapshot => false,
        omit_expression => true,
        description => history.about.trim(),
    }, {
        insta::assert_snapshot!(name, transcript);
    });
}

/// Where an answer that rests on what earlier runs kept is not that of a run that keeps nothing.
fn with_what_is_kept(repository: &Repository, runs: &[Run]) -> Vec<String> {
    const READING: [&str; 5] = ["check", "graph", "heads", "schema", "timeline"];
    let reads = |run: &&Run| {
        let is_written = run.args.iter().any(|arg| arg == "--write-baseline");
        !is_written
            && run.exit != 2
            && run.args.first().is_some_and(|command| READING.contains(&command.as_str()))
    };
    let differs = |run: &Run| {
        let anew = [run.args.as_slice(), &["--no-cache".to_owned()]].concat();
        let (kept, anew) = (onehead::run(repository, run, &run.args), onehead::run(repository, run, &anew));
        let told = |answer: Answer| (answer.exit, answer.stdout, answer.stderr);
        let (kept, anew) = (told(kept), told(anew));
        (kept != anew).then(|| format!("{}: kept {kept:?}\nanew {anew:?}", run.args.join(" ")))
    };
    runs.iter().filter(reads).filter_map(differs).collect()
}

/// Where the answer about a whole history is another one once git has written a commit-graph with changed paths.
fn with_a_commit_graph(repository: &Repository, run: &Run) -> Vec<String> {
    let questions = [["timeline", "--all", "--format=jsonl"], ["audit", "--format=json", "--no-cache"]];
    let ask = || {
        questions.map(|words| {
            let Answer { exit, stdout, stderr } = onehead::run(repository, run, &words.map(str::to_owned));
            (exit, stdout, stderr)
        })
    };
    let without = ask();
    repository.write_commit_graph();
    let with = ask();
    let pairs =
        questions.iter().zip(without.iter().zip(&with)).filter(|(_, (without, with))| without != with);
    pairs
        .map(|(words, (without, with))| {
            format!("{}: by the commits {without:?}\nby the commit-graph {with:?}", words.join(" "))
        })
        .collect()
}

/// The JSON document of a run: its own answer, or that of the same command with `--format`.
fn document(
    repository: &Repository,
    run: &Run,
    answer: Answer,
    transcript: &mut String,
) -> Result<Value, String> {
    let lines = run.args.iter().any(|arg| arg == "timeline");
    let answer = if run.args.iter().any(|arg| arg == "--format") {
        answer
    } else {
        let mut args = run.args.clone();
        args.extend(["--format".to_owned(), if lines { "jsonl" } else { "json" }.to_owned()]);
        let answer = onehead::run(repository, run, &args);
        record(transcript, &args, &answer);
        if answer.exit != Some(run.exit) {
            return Err(format!("as JSON: exit {:?}, expected {}\n{}", answer.exit, run.exit, answer.stderr));
        }
        answer
    };
    let parse = |text: &str| serde_json::from_str(text).map_err(|error| format!("{error}: {text}"));
    let documents: Vec<Value> = match lines {
        true => answer.stdout.lines().map(parse).collect::<Result<_, _>>()?,
        false => vec![parse(&answer.stdout)?],
    };
    for document in &documents {
        follows_its_schema(document)?;
    }
    Ok(if lines { Value::Array(documents) } else { documents.into_iter().next().unwrap_or_default() })
}

/// What a document says it is, it is.
fn follows_its_schema(document: &Value) -> Result<(), String> {
    let Some(kind) = document["schema"].as_str().and_then(|name| name.split('/').nth(1)) else {
        return Ok(());
    };
    let file = format!("{}/fixtures/schemas/{kind}.json", env!("CARGO_MANIFEST_DIR"));
    let Ok(schema) = std::fs::read_to_string(&file) else { return Err(format!("there is no {file}")) };
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let faults: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(format!("against {kind}.json: {}", faults.join("; "))) }
}

/// What a terminal must never get: control characters, and characters that turn the direction of writing.
pub fn escapes(answer: &Answer) -> impl Iterator<Item = String> {
    [("stdout", &answer.stdout), ("stderr", &answer.stderr)].into_iter().flat_map(|(channel, text)| {
        let bad = |character: char| {
            (character.is_control() && character != '\n' && character != '\t')
                || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        let found: std::collections::BTreeSet<char> =
            text.chars().filter(|&character| bad(character)).collect();
        found.into_iter().map(move |character| format!("{channel} holds {character:?}"))
    })
}

fn record(transcript: &mut String, args: &[String], answer: &Answer) {
    let exit = answer.exit.map_or_else(|| "killed".to_owned(), |exit| exit.to_string());
    writeln!(transcript, "$ onehead {}", args.join(" ")).unwrap();
    transcript.push_str(&answer.stdout);
    if !answer.stdout.is_empty() && !answer.stdout.ends_with('\n') {
        transcript.push_str("[no line feed]\n");
    }
    if !answer.stderr.is_empty() {
        transcript.push_str("--- stderr\n");
        transcript.push_str(&answer.stderr);
    }
    writeln!(transcript, "--- exit {exit}\n").unwrap();
}

/// Puts commit ids where `{name}` stands in an expected document.
pub fn named(repository: &Repository, value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(repository.named(text)),
        Value::Array(items) => items.iter().map(|item| named(repository, item)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), named(repository, value))).collect()
        }
        other => other.clone(),
    }
}

macro_rules! histories {
    ($($name:ident,)*) => {
        const LISTED: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(stringify!($name)); })*
    };
}

histories! {
    alembic_graph_cases,
    alembic_without_environment,
    alters_missing_object,
    audit_changes,
    audit_cycle,
    audit_directory_move,
    audit_duplicates,
    audit_findings,
    audit_heads,
    audit_hostile,
    audit_labels,
    audit_limits,
    audit_parents,
    audit_shallow,
    audit_squash,
    bare_repository,
    base_merged_into_head_with_merge_revision,
    baseline,
    bodies_off,
    both_sides_heal_two_heads_in_opposite_order,
    branch_rebased_and_reparented,
    branch_schema_conflict,
    branches,
    branches_that_get_along,
    cherry_picked_migration_on_both_sides,
    column_added_twice,
    column_looks_like_foreign_key,
    competing_merge_revisions,
    conflict_in_one_file,
    constraint_created_twice,
    copied_file_keeps_its_id,
    create_all_in_application,
    criss_cross_merge,
    cycle_between_base_and_head,
    cycle_of_everything,
    deleted_after_landing,
    dependency_in_another_package,
    dependency_that_once_existed,
    deploy_without_upgrade,
    detached_head,
    directory_moved_and_a_file_left_behind,
    directory_renamed,
    divergent_revision,
    duplicate_ids_that_make_a_cycle,
    duplicate_number_in_file_names,
    duplicate_number_that_is_the_id,
    duplicate_revision_from_two_branches,
    duplicate_tablename,
    dynamic_identifier,
    edited_after_landing,
    empty_down_revision,
    empty_migration,
    empty_repository,
    encodings,
    enum_not_created,
    env_async_url,
    env_models_not_imported,
    env_no_metadata,
    environment_in_pyproject,
    environments_in_onehead_yaml,
    explain_and_init,
    explain_error_messages,
    filename_mismatch,
    first_migration_of_a_repository,
    fix_baseline_bases,
    fix_baseline_circle,
    fix_baseline_names,
    fix_baseline_schemas,
    fix_baseline_unreadable,
    fix_both_on_trunk,
    fix_both_released_or_deployed,
    fix_chain_with_branch_and_merge_points,
    fix_custom_file_template,
    fix_date_both_on_trunk,
    fix_date_is_the_id,
    fix_every_encoding,
    fix_expand_and_contract_heads,
    fix_marker_files,
    fix_mentions,
    fix_mentions_of_numbers,
    fix_new_base,
    fix_not_on_trunk,
    fix_number_and_slug,
    fix_number_and_slug_both_on_trunk,
    fix_number_is_the_id,
    fix_one_deployed,
    fix_one_deployed_by_configuration,
    fix_one_released,
    fix_one_released_one_deployed,
    fix_parent_deleted,
    fix_parent_never_existed,
    fix_parent_renamed,
    fix_parents_deleted,
    fix_same_id_twice_hex,
    fix_same_id_twice_hex_on_a_branch,
    fix_stale_docstring,
    fix_tuples_in_the_files_own_style,
    fix_two_environments,
    fk_in_models,
    fk_missing_target,
    fk_missing_target_in_models,
    fk_type_mismatch,
    flask_migrate,
    formats,
    head_contains_base,
    header_forms,
    huge_files,
    ignore_comments,
    implausible_revision_id,
    incomplete_baseline,
    incomplete_baseline_error,
    index_created_twice,
    inserted_below_a_published_head,
    invalid_revision_id,
    invalid_sql,
    kept_answers,
    labelled_branches,
    linked_worktree,
    locate,
    main_deletes_the_parent_of_the_branch,
    merge_in_progress,
    merge_revision_heals_main,
    merge_revisions_of_different_heads,
    missing_parent_never_pushed,
    model_without_migration,
    models_in_a_merge,
    names_that_only_look_numbered,
    needless_merge_revision,
    new_base_below_everything,
    newcomer_checks_main_itself,
    no_migrations,
    not_a_repository,
    octopus_merge,
    old_faults_of_main_are_not_the_branch,
    origin_head_is_the_trunk,
    parent_deleted_and_not_committed,
    parent_named_by_file_stem,
    parent_that_only_main_has,
    plugin_directory_without_env,
    python_2_file,
    renamed_after_landing,
    reparented_after_landing,
    reused_revision_id,
    revert_on_main_and_branch_goes_on,
    revision_id_too_long,
    same_tree_on_both_sides,
    schema_drift,
    schema_formats,
    schema_shapes,
    schema_traps,
    script_location_in_a_package,
    second_base,
    shallow_clone,
    squash_merge,
    stale_docstring,
    submodules,
    symbolic_links,
    sync_engine_async_url,
    table_created_twice,
    tags_and_trunk,
    terminal_escapes,
    third_head_on_a_forked_main,
    twin_trees,
    two_branches_extend_the_same_head,
    two_environments_in_one_ini,
    two_heads_healed_by_reparenting,
    type_created_twice,
    unborn_branch,
    undo_records,
    unmanaged_metadata,
    unreadable_files,
    unrelated_histories,
    unscanned_migrations,
    version_locations,
    version_locations_set_by_python,
    work_tree_and_index,
    write_baseline,
}

#[test]
fn every_file_is_listed_and_asks_something() {
    for name in history::names() {
        let history = history::load(&name);
        assert!(!history.runs.is_empty() || !history.fixes.is_empty(), "{name} asks nothing");
    }
    assert_eq!(LISTED, history::names(), "the list in tests/it/histories.rs and the files differ");
}

#[test]
fn a_history_gives_the_same_commits_every_time() {
    for name in history::names() {
        let history = history::load(&name);
        let (one, two) = (Repository::build(&history), Repository::build(&history));
        assert_eq!(one.commits(), two.commits(), "{name}");
    }
}

/// Leaves the repositories in a directory, for people and for scripts:
/// `ONEHEAD_HISTORIES=/tmp/histories cargo test --test it export_histories -- --ignored`.
#[test]
#[ignore = "writes outside of the temporary directory"]
fn export_histories() {
    let target = std::env::var_os("ONEHEAD_HISTORIES").expect("ONEHEAD_HISTORIES names a directory");
    let target = std::path::PathBuf::from(target);
    std::fs::create_dir_all(&target).unwrap();
    for name in history::names() {
        let history = history::load(&name);
        // A linked work tree is nothing without the repository it belongs to.
        if history.layout != Layout::LinkedWorktree {
            Repository::build_in(&target, &history).keep(&target.join(name));
        }
    }
}
