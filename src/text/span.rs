use borsh::{BorshDeserialize, BorshSerialize};

/// A half-open range of byte offsets, `start..end`, into one file's bytes as git has them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize,
)]
pub struct ByteSpan {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl ByteSpan {
    /// The span `start..end`.
    pub fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// As a range that indexes a byte slice.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and the bytes it was read from, so that a repair never has to search for it again.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Spanned<T> {
    /// What the bytes mean.
    pub value: T,
    /// Where they stand.
    pub span: ByteSpan,
}
