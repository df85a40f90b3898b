//! What one revision file says of itself: the module-level names that Alembic reads, and the docstring.

use ruff_python_ast::{Expr, ModModule, Stmt};
use ruff_python_parser::Parsed;

use crate::python::{self, Binding, Const, Constants, PlainFunction};
use crate::revision::{
    Docstring, DynamicValue, Header, Id, IdList, Ignore, ListShape, Problem, ProblemKind, Resolved,
};
use crate::text::{ByteSpan, LineIndex, Spanned, line_of};

/// The names, in the order of reports.
const NAMES: [&str; 4] = ["revision", "down_revision", "depends_on", "branch_labels"];

/// Reads a file. Never fails: what cannot be read is said in the header.
pub(super) fn read(bytes: &[u8]) -> Header {
    let problem = |kind, text: String, line| Some(Problem { kind, text, line });
    if bytes.len() > python::MAX_SOURCE_BYTES {
        let text = format!("it is larger than {} KiB", python::MAX_SOURCE_BYTES >> 10);
        return Header { line: 1, problem: problem(ProblemKind::TooLarge, text, 1), ..Header::default() };
    }
    let source = python::decode(bytes);
    let mut header = read_head(&source.text).unwrap_or_else(|| read_whole(&source.text));
    if header.problem.is_none()
        && let Some(at) = source.undecodable
    {
        let text = "it is not UTF-8 and declares no other encoding".into();
        header.problem = problem(ProblemKind::Encoding, text, line_of(bytes, at));
    }
    header.ignores = Ignore::in_python(&source.text);
    header
}

/// Reads a file of which only what stands before its functions needs the parser; `None` where it does not
/// say for certain what the whole says.
fn read_head(text: &str) -> Option<Header> {
    python::with_head(text, |head, functions| {
        let is_step = |function: &&PlainFunction<'_>| matches!(function.name, "upgrade" | "downgrade");
        let does_something = functions.iter().filter(is_step).any(|function| function.busy);
        let is_header = |function: &PlainFunction<'_>| NAMES.contains(&function.name);
        (does_something && !functions.iter().any(is_header))
            .then(|| Header { empty: false, ..read_module(head, text) })
    })
    .flatten()
}

/// Reads a file's text with the parser.
fn read_whole(text: &str) -> Header {
    let read = python::with_module(text, |module| read_module(module, text));
    let mut header = read.unwrap_or_else(|python::TooDeep { at }| {
        let message = format!("it nests brackets more than {} deep", python::MAX_BRACKETS);
        let line = line_of(text.as_bytes(), at as u32);
        let problem = Some(Problem { kind: ProblemKind::Syntax, text: message, line });
        Header { line: 1, problem, ..Header::default() }
    });
    if header.problem.is_some() && !(header.assigns_revision && header.assigns_down_revision) {
        read_statements(text, &mut header);
    }
    header
}

fn read_module(module: &Parsed<ModModule>, text: &str) -> Header {
    let body = module.suite();
    let constants = Constants::of(body);
    let mut header = Header { line: 1, ..Header::default() };
    for name in NAMES {
        if let Some(binding) = constants.get(name) {
            apply(&mut header, name, binding, text, &|at| line_of(text.as_bytes(), at));
        }
    }
    header.docstring = docstring(body, text);
    header.empty = does_nothing(body);
    header.problem = syntax_problem(module, text);
    header
}

/// Puts what `name` is bound to into the header; `line` knows the line of an offset.
fn apply(header: &mut Header, name: &'static str, binding: &Binding, text: &str, line: &dyn Fn(u32) -> u32) {
    let (value, place) = match binding {
        Binding::Literal(value, place) => (Some(value), *place),
        Binding::Folded(value, place) => (Some(value), *place),
        Binding::Unknown(place) => (None, *place),
    };
    let literal = matches!(binding, Binding::Literal(..));
    if !literal {
        header.dynamic.push(DynamicValue {
            name,
            expression: shorten(text.get(place.range()).unwrap_or_default()),
            resolved: value.and_then(resolved),
            span: place,
        });
    }
    let list = || value.and_then(|value| id_list(value, place, literal));
    match name {
        "revision" => {
            header.assigns_revision = true;
            header.line = line(place.start);
            header.revision = match value {
                Some(Const::Text(value, span)) => {
                    Some(Id { value: value.as_str().into(), span: *span, literal })
                }
                Some(Const::Other(value)) => {
                    Some(Id { value: value.as_str().into(), span: place, literal: false })
                }
                _ => None,
            };
        }
        "down_revision" => {
            header.assigns_down_revision = true;
            header.down_revision = list();
        }
        "depends_on" => header.depends_on = list(),
        _ => header.branch_labels = list(),
    }
}

fn resolved(value: &Const) -> Option<Resolved> {
    let text = |value: &Const| match value {
        Const::Text(text, _) | Const::Other(text) => Some(text.clone()),
        _ => None,
    };
    match value {
        Const::None => Some(Resolved::None),
        Const::Text(..) | Const::Other(_) => text(value).map(Resolved::Text),
        Const::Tuple(items) | Const::List(items) | Const::Set(items) => {
            items.iter().map(text).collect::<Option<_>>().map(Resolved::List)
        }
    }
}

fn id_list(value: &Const, span: ByteSpan, literal: bool) -> Option<IdList> {
    let id = |value: &Const| match value {
        Const::Text(value, span) => Some(Id { value: value.as_str().into(), span: *span, literal }),
        Const::Other(value) => Some(Id { value: value.as_str().into(), span, literal: false }),
        _ => None,
    };
    let (items, shape) = match value {
        Const::None => return Some(IdList { ids: Vec::new(), span, shape: ListShape::None }),
        Const::Text(..) | Const::Other(_) => (std::slice::from_ref(value), ListShape::Scalar),
        Const::Tuple(items) => (items.as_slice(), ListShape::Tuple),
        Const::List(items) => (items.as_slice(), ListShape::List),
        Const::Set(items) => (items.as_slice(), ListShape::Set),
    };
    let mut ids: Vec<Id> = items.iter().filter_map(id).collect();
    if shape == ListShape::Set {
        ids.sort_by(|one, two| one.value.cmp(&two.value));
    }
    Some(IdList { ids, span, shape })
}

fn shorten(expression: &str) -> String {
    let mut text: String = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = text.char_indices().nth(117)
        && text.chars().count() > 120
    {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

fn docstring(body: &[Stmt], text: &str) -> Docstring {
    let Some(Stmt::Expr(first)) = body.first() else { return Docstring::default() };
    let Expr::StringLiteral(string) = &*first.value else { return Docstring::default() };
    let message =
        string.value.to_str().lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    let place = python::span(string.range);
    let raw = text.get(place.range()).unwrap_or_default();
    let field = |key: &str| {
        let mut at = place.start as usize;
        for line in raw.split_inclusive('\n') {
            let content = line.trim_end_matches(['\r', '\n']);
            let label = content.trim_start();
            let label = if at == place.start as usize { after_opening_quotes(label) } else { label };
            if let Some(value) = label.strip_prefix(key) {
                let start = at + (content.len() - value.len()) + (value.len() - value.trim_start().len());
                let value = value.trim().trim_end_matches(['"', '\'']).trim_end();
                return Some(Spanned {
                    value: value.to_owned(),
                    span: ByteSpan::new(start as u32, (start + value.len()) as u32),
                });
            }
            at += line.len();
        }
        None
    };
    Docstring {
        message,
        revision: field("Revision ID:"),
        revises: field("Revises:"),
        create_date: field("Create Date:"),
    }
}

/// A string literal's text after its prefix and quotes.
fn after_opening_quotes(literal: &str) -> &str {
    let quotes = ['"', '\''];
    let text = literal.trim_start_matches(['r', 'u', 'R', 'U']);
    if text.starts_with(quotes) { text.trim_start_matches(quotes) } else { literal }
}

/// Whether the file has an `upgrade()` and neither it nor `downgrade()` does anything.
fn does_nothing(body: &[Stmt]) -> bool {
    let mut has_upgrade = false;
    for statement in body {
        if let Stmt::FunctionDef(function) = statement
            && matches!(function.name.as_str(), "upgrade" | "downgrade")
        {
            has_upgrade |= function.name.as_str() == "upgrade";
            let idle = function.body.iter().all(|statement| match statement {
                Stmt::Pass(_) => true,
                Stmt::Expr(expression) => {
                    expression.value.is_string_literal_expr() || expression.value.is_ellipsis_literal_expr()
                }
                Stmt::Return(statement) => statement.value.as_deref().is_none_or(Expr::is_none_literal_expr),
                _ => false,
            });
            if !idle {
                return false;
            }
        }
    }
    has_upgrade
}

fn syntax_problem(module: &Parsed<ModModule>, text: &str) -> Option<Problem> {
    let first = module.errors().first()?;
    let lines = LineIndex::new(text.as_bytes());
    if let Some(marker) = conflict_marker(text) {
        return Some(Problem {
            kind: ProblemKind::ConflictMarkers,
            text: "it holds git's conflict markers".into(),
            line: lines.line(marker as u32),
        });
    }
    let place = |error: &ruff_python_parser::ParseError| u32::from(error.location.start());
    let line_text = |error| {
        let line = lines.line(place(error)) as usize;
        text.split(['\n']).nth(line - 1).unwrap_or_default()
    };
    let line = lines.line(place(first));
    if module.errors().iter().all(|error| is_python2(line_text(error))) {
        return Some(Problem { kind: ProblemKind::Python2, text: "only Python 2 reads it".into(), line });
    }
    Some(Problem {
        kind: ProblemKind::Syntax,
        text: format!("Python cannot read it: {}", first.error.to_string().trim_end_matches('.')),
        line,
    })
}

fn conflict_marker(text: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// Whether a line that Python 3 refuses looks like Python 2.
fn is_python2(line: &str) -> bool {
    let code = line.trim_start();
    let statement = |keyword: &str| {
        code.strip_prefix(keyword).is_some_and(|rest| rest.starts_with([' ', '\t', '"', '\'']))
    };
    let old_except = statement("except") && code.contains(',') && !code.contains(" as ");
    let old_raise = statement("raise") && code.contains(',');
    let inline_print = code.contains(": print ") || code.contains("; print ");
    let octal = code.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        let digits = word.trim_end_matches(['L', 'l']);
        word.len() > 1 && word.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
            || digits.len() < word.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    });
    statement("print")
        || statement("exec")
        || old_except
        || old_raise
        || inline_print
        || octal
        || code.contains('`')
        || code.contains("<>")
        || code.contains("ur'")
        || code.contains("ur\"")
}

/// Where the parser loses its way before the header (an unclosed bracket or string), the header's
/// statements are still whole lines that start in the first column: each is read alone.
fn read_statements(text: &str, header: &mut Header) {
    const MOST_LINES: usize = 60;
    let lines = LineIndex::new(text.as_bytes());
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let end = |line: usize| starts.get(line + 1).map_or(text.len(), |next| next - 1);
    let mut quote: Option<&str> = None;
    let mut line = 0;
    while line < starts.len() {
        let this = &text[starts[line]..end(line)];
        let name = NAMES.into_iter().find(|name| starts_assignment(this, name));
        if let (None, Some(name)) = (quote, name) {
            // Only a whole statement is worth the parser's time, and it is tried once.
            let first = line;
            let mut nesting = python::Nesting::new(&text[starts[first]..]);
            for last in first..(first + MOST_LINES).min(starts.len()) {
                if nesting.advance(end(last) - starts[first]).is_err() {
                    break;
                }
                if nesting.is_open() {
                    continue;
                }
                let statement = &text[starts[first]..end(last)];
                let whole = python::with_module(statement, |module| {
                    if !module.errors().is_empty() {
                        return false;
                    }
                    if let Some(binding) = Constants::of(module.suite()).get(name) {
                        let shifted = shift(binding, starts[first] as u32);
                        header.dynamic.retain(|dynamic| dynamic.name != name);
                        apply(header, name, &shifted, text, &|at| lines.line(at));
                    }
                    true
                });
                if whole == Ok(true) {
                    line = last;
                }
                break;
            }
        } else {
            for mark in ["\"\"\"", "'''"] {
                let odd = this.matches(mark).count() % 2 == 1;
                match quote {
                    None if odd => {
                        quote = Some(mark);
                        break;
                    }
                    Some(open) if odd && open == mark => {
                        quote = None;
                        break;
                    }
                    _ => {}
                }
            }
        }
        line += 1;
    }
    header.dynamic.sort_by_key(|dynamic| NAMES.iter().position(|name| *name == dynamic.name));
}

/// `name = …` or `name: type = …` in the first column.
fn starts_assignment(line: &str, name: &str) -> bool {
    let Some(rest) = line.strip_prefix(name) else { return false };
    let rest = rest.trim_start_matches([' ', '\t']);
    let rest = match rest.strip_prefix(':') {
        Some(annotated) => match annotated.find('=') {
            Some(at) => &annotated[at..],
            None => return false,
        },
        None => rest,
    };
    rest.starts_with('=') && !rest.starts_with("==")
}

fn shift(binding: &Binding, by: u32) -> Binding {
    let move_span = |span: &ByteSpan| ByteSpan::new(span.start + by, span.end + by);
    fn move_const(value: &Const, by: u32) -> Const {
        let all = |items: &[Const]| items.iter().map(|item| move_const(item, by)).collect();
        match value {
            Const::Text(text, span) => {
                Const::Text(text.clone(), ByteSpan::new(span.start + by, span.end + by))
            }
            Const::Tuple(items) => Const::Tuple(all(items)),
            Const::List(items) => Const::List(all(items)),
            Const::Set(items) => Const::Set(all(items)),
            other => other.clone(),
        }
    }
    match binding {
        Binding::Literal(value, span) => Binding::Literal(move_const(value, by), move_span(span)),
        Binding::Folded(value, span) => Binding::Folded(move_const(value, by), move_span(span)),
        Binding::Unknown(span) => Binding::Unknown(move_span(span)),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::revision::{Header, Problem, ProblemKind};

    fn ids(header: &Header) -> (Option<&str>, Vec<&str>) {
        let down = header.down_revision.iter().flat_map(|list| &list.ids).map(|id| &*id.value);
        (header.revision.as_ref().map(|id| &*id.value), down.collect())
    }

    #[test]
    fn a_file_nested_too_deep_keeps_its_header() {
        let header_lines =
            "\"\"\"add it\"\"\"\nrevision = \"b2\"\ndown_revision = (\n    \"a1\",\n    \"a0\",\n)\n";
        let header = read(format!("{header_lines}x = {}1{}\n", "[".repeat(201), "]".repeat(201)).as_bytes());
        assert_eq!(
            header.problem,
            Some(Problem {
                kind: ProblemKind::Syntax,
                text: "it nests brackets more than 200 deep".into(),
                line: 7
            })
        );
        assert_eq!(ids(&header), (Some("b2"), vec!["a1", "a0"]));
        let header = read(format!("{header_lines}x = {}1{}\n", "[".repeat(200), "]".repeat(200)).as_bytes());
        assert_eq!(header.problem, None);
        assert_eq!(ids(&header), (Some("b2"), vec!["a1", "a0"]));
    }

    #[test]
    fn a_header_statement_nested_too_deep_is_left_out() {
        let text =
            format!("revision = \"b2\"\ndown_revision = {}\nbranch_labels = (\"x\",)\n", "(".repeat(300));
        let header = read(text.as_bytes());
        assert_eq!(ids(&header), (Some("b2"), vec![]));
        assert!(!header.assigns_down_revision && header.branch_labels.is_some());
    }

    #[test]
    fn a_statement_on_several_lines_is_read_behind_a_broken_one() {
        let header = read(b"x = (\nrevision = \\\n    'b2'\ndown_revision = ['a1',  # ]\n  'a0']\n");
        assert!(header.problem.is_some());
        assert_eq!(ids(&header), (Some("b2"), vec!["a1", "a0"]));
    }

    #[test]
    fn many_unfinished_header_statements_take_linear_time() {
        let header = read("revision = (\n".repeat(80_000).as_bytes());
        assert!(header.problem.is_some() && header.revision.is_none());
    }

    /// A migration with a bit of everything that is read without the parser.
    const PLAIN: &str = r##""""add it

Revision ID: b2
Revises: a1
"""
from alembic import op
import sqlalchemy as sa

revision = "b2"
down_revision = ("a1", "a0")


def upgrade() -> None:
    """Adds it."""
    bind = op.get_bind()
    with op.batch_alter_table("t", schema=None) as batch:
        batch.add_column(sa.Column("c", sa.String(length=20), nullable=not False))  # of late
    for name in ["x", r'\d', u"é" "\n"]:
        if name in ("x",) and bind.dialect.name != 'sqlite' or -1.5 + 2 <= len(name):
            op.execute(
                """UPDATE t
                SET c = 'a'""" % {"a": name, "b": [1, 2][0]}
            )
        elif not name:
            return None
        else:
            raise ValueError({name, name.upper()} is not None)


def downgrade():
    pass
"##;

    #[test]
    fn plain_functions_need_no_parser() {
        let header = super::read_head(PLAIN).expect("plain");
        assert_eq!(header, super::read_whole(PLAIN));
        assert_eq!(ids(&header), (Some("b2"), vec!["a1", "a0"]));
        for (was, is) in [
            ("    pass\n", "    pas s\n"),
            ("def downgrade()", "def down_revision()"),
            ("def downgrade()", "revision = 'c3'\n\n\ndef downgrade()"),
            ("    bind = op", "    bind, = op"),
            ("down_revision = (\"a1\", \"a0\")\n", "down_revision = \\\n"),
            ("nullable=not False", "nullable=not False, nullable=True"),
            ("'sqlite'", "f'sqlite'"),
            ("'sqlite'", "'\\x1'"),
            ("                SET", "        \"\"\"SET"),
        ] {
            assert!(PLAIN.contains(was), "{was}");
            assert_eq!(super::read_head(&PLAIN.replace(was, is)), None, "{is}");
        }
        // What does nothing is for the parser to see.
        let idle = "revision = 'b2'\ndown_revision = 'a1'\n\ndef upgrade():\n    pass\n";
        assert!(super::read_head(idle).is_none() && read(idle.as_bytes()).empty);
    }

    /// Where only the head of a text is parsed, the whole would say the same: tried on texts that are
    /// nearly right.
    #[test]
    fn a_head_says_what_the_whole_says() {
        const PIECES: [&str; 48] = [
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ".",
            ":",
            "=",
            "==",
            "\n",
            "\n    ",
            "    ",
            " ",
            "'",
            "\"",
            "\"\"\"",
            "\\",
            "#",
            "not ",
            "in ",
            "is ",
            "and ",
            "if ",
            "else:",
            "for x in y",
            "None",
            "1",
            "00",
            "1.",
            "x",
            "def ",
            "pass",
            "return",
            "*",
            "-",
            "lambda: 1",
            "f",
            "b",
            ";",
            "@",
            "a=1",
            "\t",
            "\\x4",
            "<>",
            "await ",
            "",
        ];
        let mut state = 88_172_645_463_325_252_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let (mut plain, start) = (0, PLAIN.find("def upgrade").unwrap());
        for _ in 0..4000 {
            let mut text = PLAIN.to_owned();
            for _ in 0..=random(2) {
                let at = text.floor_char_boundary(start + random(text.len() - start));
                let end = text.ceil_char_boundary((at + random(4)).min(text.len()));
                text.replace_range(at..end, PIECES[random(PIECES.len())]);
            }
            if let Some(header) = super::read_head(&text) {
                plain += 1;
                assert_eq!(header, super::read_whole(&text), "{text}");
            }
        }
        assert!((400..3600).contains(&plain), "{plain} of 4000 were plain");
    }
}
