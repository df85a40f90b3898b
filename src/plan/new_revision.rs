//! A revision that a plan adds, as the repository's own template writes it.

use super::repair::Scene;
use crate::dialect::alembic::file_names::{IdStyle, dated_id, hex_id, new_id};
use crate::dialect::{Body, CreateDate, NewFile, NewScript};
use crate::history::Reader;
use crate::vcs::Error;

/// What the revision is to be.
pub(super) struct Wanted<'w> {
    /// The revision beside whose file its own lies.
    pub(super) beside: &'w str,
    /// Its message.
    pub(super) message: &'w str,
    /// The words of an id that is made of words.
    pub(super) slug: &'w str,
    /// Its parents.
    pub(super) parents: &'w [String],
    /// Its number, where revisions are numbered here.
    pub(super) number: u32,
    /// What it does.
    pub(super) body: Option<&'w Body>,
}

/// The id and the file of a new revision; why there can be none otherwise.
pub(super) fn new_revision(
    scene: &Scene<'_>,
    reader: &Reader,
    wanted: &Wanted<'_>,
) -> Result<Result<(String, NewFile), String>, Error> {
    let environment = &scene.state.environment;
    let template = environment.directory.join(scene.dialect.template_name());
    let template = reader.objects().file(scene.head_tree, &template)?;
    let location = scene.state.script(wanted.beside).map(|script| script.path.parent());
    let Some(location) = location.or_else(|| environment.version_locations.first().map(|l| l.path.clone()))
    else {
        return Ok(Err("there is no directory for it".into()));
    };
    let local = jiff::Timestamp::from_second(scene.choices.now)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .datetime();
    let taken = |id: &str| scene.is_taken(id);
    let id = match &scene.naming.ids {
        Some(IdStyle::Date) => {
            let ids = scene.state.scripts.iter().map(|script| &*script.revision);
            let newest = ids.filter(|id| IdStyle::of(id) == IdStyle::Date).max().unwrap_or_default();
            dated_id(newest, local, &wanted.slug.replace(' ', "_"), taken)
        }
        Some(style) => new_id(Some(style), wanted.slug, wanted.number, wanted.message, taken),
        None => hex_id(wanted.message, 12, taken),
    };
    let script = NewScript {
        id: &id,
        message: Some(wanted.message),
        parents: wanted.parents,
        depends_on: &[],
        branch_labels: &[],
        create_date: CreateDate { local, offset: None, epoch: scene.choices.now },
        number: scene.naming.numbered_files.then_some(wanted.number),
        body: wanted.body,
    };
    let file_template = environment.file_template.as_deref().or(scene.naming.file_template.as_deref());
    let file = scene.dialect.new_file(&location, template.as_deref(), file_template, &script);
    Ok(Ok((id, file)))
}
