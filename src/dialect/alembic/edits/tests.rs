use proptest::prelude::*;

use super::*;

fn ids(to: &[&str]) -> Vec<String> {
    to.iter().map(|id| (*id).to_owned()).collect()
}

fn apply(text: &[u8], edits: Result<Vec<Edit>, Refused>) -> Result<Vec<u8>, Refused> {
    edits.map(|edits| apply_edits(text, &edits).unwrap())
}

/// The `down_revision` statement after `value` is reparented to `to`, without its `down_revision = `.
fn reparented(value: &str, to: &[&str]) -> String {
    let head = "revision = 'r'\ndown_revision = ";
    let text = format!("{head}{value}\n");
    let edited =
        apply(text.as_bytes(), reparent(&header::read(text.as_bytes()), text.as_bytes(), &ids(to), true));
    match edited {
        Ok(edited) => {
            let edited = String::from_utf8(edited).unwrap();
            edited.strip_prefix(head).and_then(|rest| rest.strip_suffix('\n')).unwrap().to_owned()
        }
        Err(refused) => format!("refused: {refused}"),
    }
}

#[test]
fn one_parent() {
    let cases = [
        ("'a'", "'b'"),
        ("\"a\"", "\"b\""),
        ("'''a'''", "'''b'''"),
        ("\"\"\"a\"\"\"", "\"\"\"b\"\"\""),
        ("u'a'", "u'b'"),
        ("U\"a\"", "U\"b\""),
        ("r'a'", "r'b'"),
        ("'a' 'aa'", "'b'"),
        ("'a' \\\n    'aa'", "'b'"),
        ("('a'  # first half\n    'aa')  # whole", "('b'  # first half\n    )  # whole"),
        ("('a')", "('b')"),
        ("'a'  # the parent", "'b'  # the parent"),
        ("None", "'b'"),
        ("(None)", "('b')"),
        ("'a'; x = 1", "'b'; x = 1"),
        ("\t'a'\x0c", "\t'b'\x0c"),
        ("''", "'b'"),
        ("'\\x61'", "'b'"),
        ("('a',)", "('b',)"),
        ("['a']", "['b']"),
        ("{'a'}", "{'b'}"),
        ("'a',", "'b',"),
        ("('a', 'c')", "('b',)"),
        ("['a', 'c',]", "['b',]"),
        ("()", "('b',)"),
        ("[]", "['b']"),
        ("(  # none yet\n)", "('b',  # none yet\n)"),
    ];
    for (from, to) in cases {
        assert_eq!(reparented(from, &["b"]), to, "{from}");
    }
}

#[test]
fn no_parent() {
    for from in ["'a'", "u'a'", "('a', 'b')", "['a']", "{'a'}", "None", "'a', 'b'"] {
        assert_eq!(reparented(from, &[]), "None", "{from}");
    }
    assert_eq!(reparented("('a'  # x\n 'b')", &[]), "(None  # x\n )");
    assert_eq!(reparented("('a')", &[]), "(None)");
    assert_eq!(reparented("()", &[]), "()", "it names no parent already");
}

#[test]
fn members_come() {
    let cases = [
        ("None", "('a', 'b', 'c')"),
        ("(None)", "('a', 'b', 'c')"),
        ("'a'", "('a', 'b', 'c')"),
        ("\"b\"", "(\"a\", \"b\", \"c\")"),
        ("u'c'", "(u'a', u'b', u'c')"),
        ("'x'", "('a', 'b', 'c')"),
        ("('b')", "('a', 'b', 'c')"),
        ("'''b'''", "('a', '''b''', 'c')"),
        ("('x'  # one\n 'y')", "('a'  # one\n , 'b', 'c')"),
        ("('a',)", "('a', 'b', 'c')"),
        ("('a', )", "('a', 'b', 'c')"),
        ("['a',]", "['a', 'b', 'c',]"),
        ("('a', 'b')", "('a', 'b', 'c')"),
        ("('a','b')", "('a','b','c')"),
        ("( 'a', 'b' )", "( 'a', 'b', 'c' )"),
        ("('b', 'a',)", "('b', 'a', 'c',)"),
        ("{'a', 'b'}", "{'a', 'b', 'c'}"),
        ("'a', 'b'", "'a', 'b', 'c'"),
        ("('a'), ('b')", "('a'), ('b'), 'c'"),
        ("(\n    'a',\n    'b',\n)", "(\n    'a',\n    'b',\n    'c',\n)"),
        ("(\n    'a',\n    'b'\n)", "(\n    'a',\n    'b',\n    'c'\n)"),
        ("(\n    'a',\n    'b')", "(\n    'a',\n    'b',\n    'c')"),
        ("('a',\n\t'b')", "('a',\n\t'b',\n\t'c')"),
        ("('a',\r\n 'b')", "('a',\r\n 'b',\r\n 'c')"),
        (
            "[\n    'a',  # one\n    # between\n    'b'  # two\n    # end\n]",
            "[\n    'a',  # one\n    # between\n    'b',  # two\n    'c'\n    # end\n]",
        ),
        ("(\n    'a',\n)", "(\n    'a',\n    'b',\n    'c',\n)"),
        ("()", "('a', 'b', 'c')"),
        ("[ ]", "['a', 'b', 'c' ]"),
        ("'a', \\\n    'b'", "'a', \\\n    'b', 'c'"),
    ];
    for (from, to) in cases {
        assert_eq!(reparented(from, &["a", "b", "c"]), to, "{from}");
    }
}

#[test]
fn members_go() {
    let cases = [
        ("('a', 'b', 'c')", "('a', 'b')"),
        ("('c', 'a', 'b')", "('a', 'b')"),
        ("('a', 'c', 'b')", "('a', 'b')"),
        ("('a', 'b', 'c',)", "('a', 'b',)"),
        ("('a','b','c')", "('a','b')"),
        ("{'c', 'b', 'a'}", "{'b', 'a'}"),
        ("'a', 'b', 'c'", "'a', 'b'"),
        ("('a', 'b', 'a')", "('a', 'b')"),
        ("(\n    'a',\n    'b',\n    'c',\n)", "(\n    'a',\n    'b',\n)"),
        ("(\n    'a',\n    'b',\n    'c'\n)", "(\n    'a',\n    'b'\n)"),
        ("(\n    'c',\n    'a',\n    'b'\n)", "(\n    'a',\n    'b'\n)"),
        ("(\n    'a',\n    'b',\n    'c')", "(\n    'a',\n    'b')"),
        ("(\r\n    'a',\r\n    'c',\r\n    'b',\r\n)", "(\r\n    'a',\r\n    'b',\r\n)"),
        (
            "[\n    'a',  # one\n    # why c\n    'c',  # gone\n    'b',  # two\n]",
            "[\n    'a',  # one\n    # why c\n    'b',  # two\n]",
        ),
        ("('a',  # one\n 'c',  # gone\n 'b')", "('a',  # one\n 'b')"),
        ("('c',  # one\n 'a', 'b')", "(  # one\n 'a', 'b')"),
        ("('a', 'b',  # two\n 'c')", "('a', 'b',  # two\n )"),
        ("('a', ('c'), 'b')", "('a', 'b')"),
        ("('a', 'c' 'c', 'b')", "('a', 'b')"),
    ];
    for (from, to) in cases {
        assert_eq!(reparented(from, &["a", "b"]), to, "{from}");
    }
    assert_eq!(reparented("(\n    'a',\n    'b'\n)", &["a"]), "(\n    'a',\n)");
    assert_eq!(reparented("('a', 'b')", &["b"]), "('b',)");
    assert_eq!(reparented("'a', 'b'", &["b"]), "'b',");
    assert_eq!(reparented("['a', 'b']", &["b"]), "['b']");
    assert_eq!(reparented("('a', 'b', 'c', 'd')", &["e", "d"]), "('e', 'd')");
}

#[test]
fn only_the_members_that_change_are_touched() {
    let text = b"revision = 'r'\ndown_revision = (  # two\n  'a' , # x\n  \"b\" )\n";
    let edits = reparent(&header::read(text), text, &ids(&["a", "c"]), true).unwrap();
    assert_eq!(edits, [Edit { span: ByteSpan::new(54, 57), with: b"\"c\"".to_vec() }]);
    assert_eq!(reparent(&header::read(text), text, &ids(&["b", "a"]), true), Ok(Vec::new()));
}

#[test]
fn refusals_say_why() {
    let cases = [
        ("PARENT", "`down_revision` is computed (`PARENT`), so it has no literal to rewrite"),
        ("f'{x}'", "`down_revision` is computed (`f'{x}'`), so it has no literal to rewrite"),
        ("'a' + 'b'", "`down_revision` is computed (`'a' + 'b'`), so it has no literal to rewrite"),
        ("tuple(['a'])", "`down_revision` is computed (`tuple(['a'])`), so it has no literal to rewrite"),
        ("('a', None)", "`down_revision` is not made of plain strings alone"),
        ("42", "`down_revision` is not made of plain strings alone"),
        ("b'a'", "`down_revision` is not made of plain strings alone"),
        ("('a', ('b', 'c'))", "`down_revision` is not made of plain strings alone"),
        ("depends_on = 'a'", "the edited file would not say exactly what was asked"),
        ("'a'\n<<<<<<< ours", "the file holds git's conflict markers"),
    ];
    for (from, why) in cases {
        assert_eq!(reparented(from, &["x"]), format!("refused: {why}"), "{from}");
    }
    assert_eq!(reparented("'a'", &[""]), "refused: an id cannot be empty");
    let text = b"revision = 'r'\n";
    assert_eq!(
        reparent(&header::read(text), text, &ids(&["a"]), true),
        Err(Refused::NotAssigned { name: "down_revision" })
    );
    let text = b"revision = x\ndown_revision = 'a'\n";
    let why = Refused::Dynamic { name: "revision", expression: "x".into() };
    assert_eq!(rename_id(&header::read(text), text, "b", true), Err(why));
    // What is computed and says it already needs no edit.
    let text = b"x = 'a'\nrevision = 'r'\ndown_revision = x\n";
    assert_eq!(reparent(&header::read(text), text, &ids(&["a"]), true), Ok(Vec::new()));
    let why = Refused::Dynamic { name: "down_revision", expression: "x".into() };
    assert_eq!(replace_id(&header::read(text), text, "a", "b", true), Err(why));
    assert_eq!(replace_id(&header::read(text), text, "c", "b", true), Ok(Vec::new()));
}

const ALEMBIC: &str = "\"\"\"add users\n\nRevision ID: 1a2b\nRevises: 3c4d\nCreate Date: 2024-01-31 12:00:00\n\n\"\"\"\n\
    from alembic import op\n\n# revision identifiers, used by Alembic.\nrevision: str = '1a2b'\n\
    down_revision: Union[str, None] = '3c4d'\nbranch_labels = None\ndepends_on = None\n\n\n\
    def upgrade():\n    op.execute('3c4d 1a2b')\n";

#[test]
fn the_docstring_follows() {
    let text = ALEMBIC.as_bytes();
    let header = header::read(text);
    let edited = apply(text, reparent(&header, text, &ids(&["x1", "x2"]), true)).unwrap();
    let expected = ALEMBIC.replace("Revises: 3c4d", "Revises: x1, x2").replace("= '3c4d'", "= ('x1', 'x2')");
    assert_eq!(String::from_utf8(edited).unwrap(), expected);
    let edited = apply(text, reparent(&header, text, &[], true)).unwrap();
    let expected = ALEMBIC.replace("Revises: 3c4d", "Revises: ").replace("= '3c4d'", "= None");
    assert_eq!(String::from_utf8(edited.clone()).unwrap(), expected);
    let back = apply(&edited, reparent(&header::read(&edited), &edited, &ids(&["3c4d"]), true)).unwrap();
    assert_eq!(String::from_utf8(back).unwrap(), ALEMBIC);
    let edited = apply(text, reparent(&header, text, &ids(&["x"]), false)).unwrap();
    assert_eq!(String::from_utf8(edited).unwrap(), ALEMBIC.replace("= '3c4d'", "= 'x'"));
    let edited = apply(text, rename_id(&header, text, "new", true)).unwrap();
    let expected = ALEMBIC.replace("Revision ID: 1a2b", "Revision ID: new").replace("= '1a2b'", "= 'new'");
    assert_eq!(String::from_utf8(edited).unwrap(), expected);
}

/// The docstring after it is mended to the id `r` and `parents`, without its quotes.
fn mended(docstring: &str, parents: &[&str]) -> String {
    let text = format!("\"\"\"{docstring}\"\"\"\nrevision = 'r'\ndown_revision = 'p'\n");
    let text = text.as_bytes();
    let edited = apply(text, mend_docstring(&header::read(text), text, "r", &ids(parents))).unwrap();
    let edited = String::from_utf8(edited).unwrap();
    edited.split("\"\"\"").nth(1).unwrap().to_owned()
}

#[test]
fn stale_docstrings_are_mended_in_their_own_layout() {
    let cases = [
        ("m\n\nRevision ID: x\nRevises: y\n", "m\n\nRevision ID: r\nRevises: p\n"),
        ("m\r\n\r\nRevision ID: x\r\nRevises: \r\n", "m\r\n\r\nRevision ID: r\r\nRevises: p\r\n"),
        ("m\n\nRevision ID:\nRevises:\n\n", "m\n\nRevision ID: r\nRevises: p\n\n"),
        ("m\n    Revision ID:   x\n    Revises:\ty", "m\n    Revision ID:   r\n    Revises:\tp"),
        ("Revises: ", "Revises: p"),
        ("Revises:", "Revises: p"),
        ("m\nRevises: None\nCreate Date: 2020", "m\nRevises: p\nCreate Date: 2020"),
        ("m\nRevises: <base>\n", "m\nRevises: p\n"),
        ("m\nRevises: ('x', 'y')\n", "m\nRevises: p\n"),
        ("m\nRevises: ('p',)\n", "m\nRevises: ('p',)\n"),
        ("no lines at all", "no lines at all"),
    ];
    for (from, to) in cases {
        assert_eq!(mended(from, &["p"]), to, "{from:?}");
    }
    assert_eq!(mended("m\nRevises: y\n", &["p", "q"]), "m\nRevises: p, q\n");
    assert_eq!(mended("m\nRevises: y\n", &[]), "m\nRevises: \n");
    assert_eq!(mended("m\nRevises: None\n", &[]), "m\nRevises: None\n");
    assert_eq!(mended("m\nRevises: y\n", &["p\\q"]), "m\nRevises: y\n");
}

#[test]
fn one_id_is_replaced_everywhere_but_in_labels() {
    let text = "\"\"\"a\n\nRevision ID: r\nRevises: ('a', 'b')\n\"\"\"\nrevision = 'r'\n\
        down_revision = ('a', \"b\")\ndepends_on = [\n    'b',  # b\n    'z']\nbranch_labels = ('b',)\nx = 'b'\n";
    let bytes = text.as_bytes();
    let edited = apply(bytes, replace_id(&header::read(bytes), bytes, "b", "new", true)).unwrap();
    let expected = text
        .replace("\"b\"", "\"new\"")
        .replace("'a', 'b'", "'a', 'new'")
        .replace("[\n    'b',  # b", "[\n    'new',  # b");
    assert_eq!(String::from_utf8(edited).unwrap(), expected);
    // A list that names the new id already loses the old one.
    let edited = apply(bytes, replace_id(&header::read(bytes), bytes, "b", "a", true)).unwrap();
    let expected = text
        .replace("'a', \"b\"", "'a',")
        .replace("Revises: ('a', 'b')", "Revises: a")
        .replace("[\n    'b',  # b", "[\n    'a',  # b");
    assert_eq!(String::from_utf8(edited).unwrap(), expected);
}

#[test]
fn encodings_and_line_endings_stay() {
    let text = b"\xef\xbb\xbf# -*- coding: utf-8 -*-\r\nrevision = 'r'\r\n\x0cdown_revision = 'a'\r\nx = '\xc3\xa9'\r\n";
    let edited = apply(text, reparent(&header::read(text), text, &ids(&["b"]), true)).unwrap();
    let expected =
        b"\xef\xbb\xbf# -*- coding: utf-8 -*-\r\nrevision = 'r'\r\n\x0cdown_revision = 'b'\r\nx = '\xc3\xa9'\r\n";
    assert_eq!(edited, expected);
    let text =
        b"# coding: latin-1\n\"\"\"caf\xe9\n\nRevises: a\n\"\"\"\nrevision = 'r'\ndown_revision = 'a'\n";
    let edited = apply(text, reparent(&header::read(text), text, &ids(&["b"]), true)).unwrap();
    assert_eq!(
        edited,
        b"# coding: latin-1\n\"\"\"caf\xe9\n\nRevises: b\n\"\"\"\nrevision = 'r'\ndown_revision = 'b'\n"
    );
    // An id that this file's encoding may not have is escaped, and kept out of the docstring.
    let edited = apply(text, reparent(&header::read(text), text, &ids(&["\u{e9}"]), true)).unwrap();
    assert_eq!(
        edited,
        b"# coding: latin-1\n\"\"\"caf\xe9\n\nRevises: a\n\"\"\"\nrevision = 'r'\ndown_revision = '\\xe9'\n"
    );
    let python2 = b"revision = 'r'\ndown_revision = 'a'\ndef upgrade():\n    print 'x'\n";
    let edited = apply(python2, reparent(&header::read(python2), python2, &ids(&["b"]), true)).unwrap();
    assert_eq!(edited, b"revision = 'r'\ndown_revision = 'b'\ndef upgrade():\n    print 'x'\n");
    let broken = b"revision = 'r'\ndown_revision = 'a'\ndef upgrade(:\n    (\n";
    let edited = apply(broken, reparent(&header::read(broken), broken, &ids(&["b"]), true)).unwrap();
    assert_eq!(edited, b"revision = 'r'\ndown_revision = 'b'\ndef upgrade(:\n    (\n");
}

#[test]
fn several_names_in_one_statement() {
    let text = b"revision, down_revision = 'r', 'a'\n";
    let edited = apply(text, reparent(&header::read(text), text, &ids(&["a", "b"]), true)).unwrap();
    assert_eq!(edited, b"revision, down_revision = 'r', ('a', 'b')\n");
    let edited = apply(text, rename_id(&header::read(text), text, "s", true)).unwrap();
    assert_eq!(edited, b"revision, down_revision = 's', 'a'\n");
    // The last assignment counts.
    let text = b"revision = 'r'\ndown_revision = 'x'\ndown_revision = 'a'\n";
    let edited = apply(text, reparent(&header::read(text), text, &ids(&["b"]), true)).unwrap();
    assert_eq!(edited, b"revision = 'r'\ndown_revision = 'x'\ndown_revision = 'b'\n");
}

fn an_id() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[0-9a-f]{1,4}", 1 => "[0-9a-z_]{1,12}", 1 => "[ -~]{1,4}", 1 => "\\PC{1,3}"]
}

fn a_literal() -> impl Strategy<Value = (String, bool)> {
    let style = prop::sample::select(vec!["'", "\"", "'''", "\"\"\"", "u'", "r\"", "R'''"]);
    let break_ = prop::sample::select(vec!["", "", " ", "\n  ", "  # half\n\t"]);
    ("[0-9a-d]{0,3}", "[0-9a-d]{1,2}", style, break_).prop_map(|(one, two, style, gap)| {
        let quote = style.trim_start_matches(['u', 'r', 'R']);
        match gap {
            "" => (format!("{style}{one}{two}{quote}"), false),
            gap => (format!("{style}{one}{quote}{gap}{style}{two}{quote}"), gap.contains('\n')),
        }
    })
}

fn a_value() -> impl Strategy<Value = String> {
    let gap = || prop::sample::select(vec!["", " ", "\n    ", "  # note, 'x'\n\t", "\r\n"]);
    let scalar = a_literal().prop_map(|(text, wraps)| if wraps { format!("({text})") } else { text });
    let shape = prop::sample::select(vec![("(", ")"), ("[", "]"), ("{", "}")]);
    let list = (shape, prop::collection::vec((gap(), a_literal(), gap()), 0..5), any::<bool>(), gap());
    let list = list.prop_map(|((open, close), members, trailing, end)| {
        let mut text = open.to_owned();
        let count = members.len();
        for (at, (before, (literal, _), after)) in members.into_iter().enumerate() {
            text.push_str(&[before, &literal, after].concat());
            if at + 1 < count || trailing || (open == "(" && count == 1) {
                text.push(',');
            }
        }
        text + end + close
    });
    let bare = prop::collection::vec(a_literal(), 1..4).prop_map(|members| {
        let members: Vec<String> =
            members.into_iter().map(|(text, wraps)| if wraps { format!("({text})") } else { text }).collect();
        members.join(", ") + ","
    });
    prop_oneof![1 => Just("None".to_owned()), 3 => scalar, 5 => list, 1 => bare]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// The file read again says what was asked, and every byte outside the edits is the same.
    #[test]
    fn every_edit_says_exactly_what_was_asked(
        value in a_value(),
        depends in a_value(),
        to in prop::collection::vec(an_id(), 0..5),
        new in an_id(),
        stated in prop::sample::select(vec!["", " ", " a", " a, b", "  None"]),
        annotation in prop::sample::select(vec!["", ": str", ": Union[str, None]"]),
        bom in any::<bool>(),
    ) {
        let bom = if bom { "\u{feff}" } else { "" };
        let text = format!(
            "{bom}'''m\n\nRevision ID:{stated}\nRevises:{stated}\n'''\nrevision{annotation} = \"r\"  # id\n\
             down_revision{annotation} = {value}  # down\ndepends_on = {depends}\n\x0cx = '\u{e9}'\n"
        );
        let bytes = text.as_bytes();
        let before = header::read(bytes);
        // `{}` is a dict, which is no value of these fields.
        prop_assume!(before.dynamic.is_empty());
        let unchanged = |edits: &[Edit], edited: &[u8]| {
            let mut sorted = edits.to_vec();
            sorted.sort_by_key(|edit| edit.span);
            let (mut old, mut new) = (0, 0);
            for edit in &sorted {
                let length = edit.span.range().start - old;
                assert_eq!(&bytes[old..old + length], &edited[new..new + length]);
                old = edit.span.range().end;
                new += length + edit.with.len();
            }
            assert_eq!(&bytes[old..], &edited[new..]);
        };
        let wanted: BTreeSet<String> = to.iter().cloned().collect();

        let edits = reparent(&before, bytes, &to, true).unwrap();
        let edited = apply_edits(bytes, &edits).unwrap();
        unchanged(&edits, &edited);
        let after = header::read(&edited);
        prop_assert!(same(after.down_revision.as_ref().unwrap(), &distinct(to.iter().map(String::as_str))));
        prop_assert_eq!(members(after.down_revision.as_ref().unwrap()), wanted);
        prop_assert_eq!(after.depends_on.as_ref().map(members), before.depends_on.as_ref().map(members));
        prop_assert_eq!(&*after.revision.as_ref().unwrap().value, "r");
        prop_assert_eq!(reparent(&after, &edited, &to, true), Ok(Vec::new()));

        let edits = rename_id(&before, bytes, &new, true).unwrap();
        let edited = apply_edits(bytes, &edits).unwrap();
        unchanged(&edits, &edited);
        let after = header::read(&edited);
        prop_assert_eq!(&*after.revision.as_ref().unwrap().value, new.as_str());
        prop_assert_eq!(after.down_revision.as_ref().map(members), before.down_revision.as_ref().map(members));

        for from in before.down_revision.iter().chain(&before.depends_on).flat_map(IdList::values) {
            let edits = replace_id(&before, bytes, from, &new, true).unwrap();
            let edited = apply_edits(bytes, &edits).unwrap();
            unchanged(&edits, &edited);
            let after = header::read(&edited);
            let swap = |list: &IdList| -> BTreeSet<String> {
                list.values().map(|id| if id == from { new.clone() } else { id.to_owned() }).collect()
            };
            prop_assert_eq!(after.down_revision.as_ref().map(members), before.down_revision.as_ref().map(swap));
            prop_assert_eq!(after.depends_on.as_ref().map(members), before.depends_on.as_ref().map(swap));
        }
    }

    /// No bytes make an edit panic.
    #[test]
    fn hostile_headers_do_no_harm(value in "[ -~\n\t'\"(),#\\\\]{0,30}", to in prop::collection::vec("[a-c'\"\\\\]{1,2}", 0..3)) {
        let text = format!("revision = 'r'\ndown_revision = {value}\n");
        let header = header::read(text.as_bytes());
        let _ = apply(text.as_bytes(), reparent(&header, text.as_bytes(), &to, true));
        let _ = apply(text.as_bytes(), replace_id(&header, text.as_bytes(), "a", "b", true));
    }
}
