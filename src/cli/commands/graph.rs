use crate::cli::args::{Global, GraphArgs, GraphFormat};
use crate::cli::exit::{Failure, Output, Verdict, leave_to_the_end};
use crate::cli::session::Session;
use crate::report::model::{GraphDocument, VERSION};
use crate::report::{convert, graph_dot, graph_mermaid, graph_svg, graph_text};

pub(super) fn run(global: &Global, args: &GraphArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let study = session.study(args.revision.as_deref())?;
    let mut reader = session.reader();
    let snapshots = session.snapshots(&mut reader, study.root)?;
    session.note_absent(snapshots.iter().map(|snapshot| &snapshot.environment), out);
    let document = GraphDocument {
        schema: "onehead/graph/v1",
        version: VERSION,
        commit: study.commit.map(|commit| commit.to_string()),
        environments: snapshots.iter().map(convert::environment_graph).collect(),
    };
    match args.format {
        GraphFormat::Json => out.json(&document)?,
        GraphFormat::Text => graph_text::graph_text(&document, &mut out.report)?,
        GraphFormat::Dot => graph_dot::graph_dot(&document, &mut out.report)?,
        GraphFormat::Svg => graph_svg::graph_svg(&document, &mut out.report)?,
        GraphFormat::Mermaid => graph_mermaid::graph_mermaid(&document, &mut out.report)?,
    }
    session.leave();
    leave_to_the_end((reader, snapshots, document));
    Ok(Verdict::Clean)
}
