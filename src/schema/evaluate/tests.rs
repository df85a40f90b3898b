use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::operators::representation;
use super::{Evaluator, Files, NoHost};
use crate::python::tree;
use crate::schema::value::Value;
use crate::vcs::RepoPath;

/// Files in memory.
struct Memory(BTreeMap<RepoPath, Arc<tree::Module>>);

impl Memory {
    fn new(files: &[(&str, &str)]) -> Self {
        let parse = |text: &str| Arc::new(tree::Module::read(text.as_bytes()));
        Self(files.iter().map(|(path, text)| (RepoPath::new(path), parse(text))).collect())
    }
}

impl Files for Memory {
    fn file(&self, path: &RepoPath) -> Option<Arc<tree::Module>> {
        self.0.get(path).cloned()
    }

    fn is_file(&self, path: &RepoPath) -> bool {
        self.file(path).is_some()
    }

    fn is_directory(&self, path: &RepoPath) -> bool {
        self.0.keys().any(|file| file != path && file.is_within(path))
    }

    fn text(&self, _: &RepoPath) -> Option<Vec<u8>> {
        None
    }
}

/// `repr()` of the names `names` of `m.py`; unknown ones with their reason.
fn values(files: &[(&str, &str)], names: &[&str]) -> Vec<String> {
    let files = Memory::new(files);
    let mut evaluator = Evaluator::new(&files, Rc::new(NoHost), vec![RepoPath::root()]);
    let module = evaluator.module(&RepoPath::new("m.py")).unwrap();
    names
        .iter()
        .map(|name| match evaluator.lookup(&module, name) {
            Some(Value::Unknown(unknown)) => format!("? {} ({})", unknown.reason, unknown.place.line),
            Some(value) => representation(&value, 0).unwrap_or_else(|| format!("{value:?}")),
            None => "not bound".to_owned(),
        })
        .collect()
}

fn value(text: &str) -> String {
    values(&[("m.py", text)], &["x"]).remove(0)
}

#[test]
fn plain_python() {
    let cases = [
        ("x = [f'{t}_{i:>3}' if i > 9 else f'{t}_{i}' for i, t in enumerate(['a', 'b'])]", "['a_0', 'b_1']"),
        ("x = {'a': 1, **{'b': 2}}\nx = [k + str(v) for k, v in x.items()]", "['a1', 'b2']"),
        (
            "x = []\nfor a, (b, *c) in zip('ab', [(1, 2, 3), (4,)]):\n    x += [a, b, c]",
            "['a', 1, [2, 3], 'b', 4, []]",
        ),
        (
            "def f(a, b=2, *c, d, **e):\n    return (a, b, c, d, sorted(e))\nx = f(1, d=3, z=0, y=0)",
            "(1, 2, (), 3, ['y', 'z'])",
        ),
        ("x = '%s_%d_%(a)s' % {'a': 'b'} if False else '%s_%d%%' % ('a', 2)", "'a_2%'"),
        ("x = '{}_{1}_{name}'.format('a', 'b', name='c').upper().split('_')", "['A', 'B', 'C']"),
        (
            "import enum\nclass E(str, enum.Enum):\n    A = 'a'\n    B = 'b'\nx = [e.value for e in E] + [E('b').name, E.A == 'a']",
            "['a', 'b', 'B', True]",
        ),
        ("i = 0\nwhile True:\n    i += 1\n    if i == 5:\n        break\nx = i", "5"),
        ("def g():\n    for i in range(3):\n        yield i * i\nx = list(g())", "[0, 1, 4]"),
        ("try:\n    raise ValueError('x')\nexcept ValueError as e:\n    x = 1\nfinally:\n    y = 2", "1"),
        (
            "class A:\n    def __init__(self, n):\n        self.n = n\n    @property\n    def d(self):\n        return self.n * 2\nclass B(A):\n    def __init__(self):\n        super().__init__(4)\nx = B().d",
            "8",
        ),
        ("x = sorted({'b': 1, 'a': 2}, key=lambda k: k)[::-1]", "['b', 'a']"),
        ("x = (lambda *a, k='q': a + (k,))(*[1, 2])", "(1, 2, 'q')"),
        ("if True:\n    x = 'a' 'b'\nelse:\n    x = None", "'ab'"),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_known_says_why() {
    let cases = [
        ("import os\nx = os.environ['A']", "Construct"),
        ("x = missing", "? the name missing is not known (1)"),
        ("import settings\nx = 1\nif settings.flag:\n    x = 2", "? it depends on `settings.flag` (1)"),
        ("import settings\nx = 1\nif settings.flag:\n    x = 1", "1"),
        ("import settings\nif settings.flag:\n    raise ValueError\nelse:\n    x = 1", "1"),
        (
            "import settings\ndef f():\n    if settings.flag:\n        return 1\n    return 2\nx = f()",
            "? it depends on `settings.flag` (6)",
        ),
    ];
    for (text, expected) in cases {
        assert!(value(text).starts_with(expected), "{text}: {}", value(text));
    }
}

#[test]
fn modules_of_the_repository_are_read_when_used() {
    let files = [
        (
            "m.py",
            "from p import a as b, sub\nfrom p.star import *\nimport p.sub\nfrom .p.sub import deep\nx = [b, sub.y, p.sub.y, z, deep()]\nfrom sqlalchemy import *\nw = Column\nl = len('ab')",
        ),
        ("p/__init__.py", "from .impl import a\nfrom gone import nothing"),
        ("p/impl.py", "from m import x\na = 'a'"),
        ("p/sub.py", "y = 'y'\ndef deep():\n    from p.impl import a\n    return a * 2"),
        ("p/star.py", "from p.more import *"),
        ("p/more.py", "z = 'z'\n_hidden = 1"),
    ];
    assert_eq!(
        values(&files, &["x", "w", "l", "_hidden"]),
        ["['a', 'y', 'y', 'z', 'aa']", "External(\"sqlalchemy.Column\")", "2", "not bound"]
    );
}

#[test]
fn hostile_files_end() {
    let nested = format!("x = 0\n{}", "x = [x]\n".repeat(50_000));
    let cases = [
        "def f():\n    return f()\nx = f()".to_owned(),
        "while True:\n    pass\nx = 1".to_owned(),
        "x = 'a' * 1000000000".to_owned(),
        "x = [0] * 1000000000".to_owned(),
        "x = range(1000000000)".to_owned(),
        "x = 'ab'\nfor i in range(9999):\n    x = x + x".to_owned(),
        "x = [1]\nfor i in x:\n    x.append(i)".to_owned(),
        "x = []\nx.append(x)\ny = x == x\nz = str(x)".to_owned(),
        "x = []\nfor i in range(9000):\n    for j in range(9000):\n        for k in range(9000):\n            x = [x]".to_owned(),
        "class A(A):\n    pass\nx = A.b".to_owned(),
        format!("x = {}1", "1 + ".repeat(10_000)),
        nested,
        "from m import x".to_owned(),
        "from m import *\nx = y".to_owned(),
    ];
    for text in cases {
        // Not printed: some of these have no end.
        stacker::grow(256 << 20, || {
            let files = Memory::new(&[("m.py", &text)]);
            let mut evaluator = Evaluator::new(&files, Rc::new(NoHost), vec![RepoPath::root()]);
            let module = evaluator.module(&RepoPath::new("m.py")).unwrap();
            evaluator.lookup(&module, "x");
        });
    }
}
