//! What in a repository is no part of its application, told by names of directories and files.

/// Directories with other people's files, and rests that tools leave behind.
const FOREIGN: [&[u8]; 8] = [
    b"site-packages",
    b"dist-packages",
    b"node_modules",
    b"__pycache__",
    b"vendor",
    b"third_party",
    b"venv",
    b"versions_old",
];

/// Directories of code that no deployment runs.
const BESIDE: [&[u8]; 13] = [
    b"test",
    b"tests",
    b"testing",
    b"doc",
    b"docs",
    b"example",
    b"examples",
    b"sample",
    b"samples",
    b"script",
    b"scripts",
    b"bench",
    b"benchmarks",
];

/// Whether a directory of this name holds what others wrote, or what tools left.
pub fn is_foreign(directory: &[u8]) -> bool {
    FOREIGN.contains(&directory)
}

/// Whether a directory of this name holds tests, documentation, examples or one-off scripts.
pub fn is_beside(directory: &[u8]) -> bool {
    BESIDE.contains(&directory)
}

/// Whether a file of this name holds tests, or what they need.
pub fn is_test(file: &[u8]) -> bool {
    file.starts_with(b"test_") || file.ends_with(b"_test.py") || file == b"conftest.py"
}
