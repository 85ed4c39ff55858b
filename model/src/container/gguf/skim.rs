//! A GGUF header without the ends of its long lists, which are nearly all of it: what is needed to say what a model is, in
//! about a millisecond, without mapping the file.
//!
//! The file is read once, in pieces, and only the lengths of what is left out are looked at. Must not judge what it finds:
//! a header that does not read as one is left to the parser, which says what is wrong.

use std::fs::File;

use super::{Gguf, MAGIC, MOST_ENTRIES, MOST_HEADER_BYTES, kind};

/// How many elements of a list are kept.
const KEPT: usize = 1024;

/// How much is read at a time.
const PIECE: usize = 128 << 10;

/// A header's bytes, but for the ends of long lists.
pub(crate) struct Skimmed {
    bytes: Vec<u8>,
    gaps: Vec<Gap>,
    file_len: usize,
}

/// Where a list is cut off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// Where its first element is in what was kept.
    pub(super) start: usize,
    /// How many bytes of it were kept.
    pub(super) kept: usize,
    /// How many bytes of it were left out.
    pub(super) missing: usize,
}

impl Skimmed {
    /// Reads the header of a file; `None` where it does not read as one.
    pub(crate) fn read(input: Input<'_>) -> Option<Self> {
        let file_len = input.len()?;
        let mut skim = Skim {
            window: Window {
                input,
                file_len,
                piece: Vec::new(),
                begin: 0,
            },
            at: 0,
            kept: Vec::new(),
            gaps: Vec::new(),
        };
        skim.header()?;
        Some(Self {
            bytes: skim.kept,
            gaps: skim.gaps,
            file_len,
        })
    }

    /// Parses what was kept. Lists that were cut off give their beginning only.
    pub(crate) fn parse(&self) -> Result<Gguf<'_>, String> {
        let mut reader = super::Reader::new(&self.bytes, self.file_len);
        reader.gaps = &self.gaps;
        Gguf::read(&mut reader)
    }
}

/// What a header is read from.
pub(crate) enum Input<'a> {
    File(&'a File),
    Bytes(&'a [u8]),
}

impl Input<'_> {
    fn len(&self) -> Option<usize> {
        match self {
            Self::File(file) => usize::try_from(file.metadata().ok()?.len()).ok(),
            Self::Bytes(bytes) => Some(bytes.len()),
        }
    }
}

/// A piece of the file in memory.
struct Window<'a> {
    input: Input<'a>,
    file_len: usize,
    piece: Vec<u8>,
    begin: usize,
}

impl Window<'_> {
    /// `len` bytes from `at` on, if the file has them.
    fn get(&mut self, at: usize, len: usize) -> Option<&[u8]> {
        let end = at.checked_add(len).filter(|end| *end <= self.file_len)?;
        match self.input {
            Input::Bytes(bytes) => bytes.get(at..end),
            Input::File(file) => {
                if at < self.begin || end > self.begin + self.piece.len() {
                    self.piece.resize(len.max(PIECE).min(self.file_len - at), 0);
                    self.begin = at;
                    crate::plain_file::read_at(file, at as u64, &mut self.piece).ok()?;
                }
                self.piece.get(at - self.begin..end - self.begin)
            }
        }
    }

    /// What is in memory from `at` on, eight bytes at least.
    fn from(&mut self, at: usize) -> Option<&[u8]> {
        self.get(at, 8)?;
        match self.input {
            Input::Bytes(bytes) => bytes.get(at..),
            Input::File(_) => self.piece.get(at - self.begin..),
        }
    }
}

/// The way through a header.
struct Skim<'a> {
    window: Window<'a>,
    at: usize,
    kept: Vec<u8>,
    gaps: Vec<Gap>,
}

impl Skim<'_> {
    fn header(&mut self) -> Option<()> {
        let begin = self.window.get(0, 24)?;
        let number = |at: usize| u64::from_le_bytes(begin[at..at + 8].try_into().expect("eight bytes"));
        let (tensors, keys) = (number(8), number(16));
        let is_known = begin.starts_with(MAGIC) && (begin[4..8] == [2, 0, 0, 0] || begin[4..8] == [3, 0, 0, 0]);
        if !is_known || tensors.max(keys) > MOST_ENTRIES as u64 {
            return None;
        }
        self.keep(24)?;
        for _ in 0..keys {
            self.text()?;
            let kind = self.u32()?;
            match kind {
                kind::TEXT => self.text()?,
                kind::ARRAY => self.array()?,
                kind => self.keep(kind::width(kind)?).map(drop)?,
            }
        }
        for _ in 0..tensors {
            self.text()?;
            let dimensions = self.u32()?;
            // Four dimensions are the most that there are.
            self.keep(8 * (dimensions as usize).min(4) + 4 + 8)?;
        }
        Some(())
    }

    fn array(&mut self) -> Option<()> {
        let kind = self.u32()?;
        let len = self.u64()?;
        let (start, begin) = (self.kept.len(), self.at);
        let (end, kept) = if kind == kind::TEXT {
            for _ in 0..len.min(KEPT) {
                self.text()?;
            }
            let kept = self.at;
            self.skip_texts(len.saturating_sub(KEPT))?;
            (self.at, kept)
        } else {
            let width = kind::width(kind)?;
            let end = self.at.checked_add(len.checked_mul(width)?)?;
            self.keep(len.min(KEPT) * width)?;
            (end, self.at)
        };
        self.at = end;
        if end > kept {
            self.gaps.push(Gap {
                start,
                kept: kept - begin,
                missing: end - kept,
            });
        }
        self.check()
    }

    /// Goes past so many texts: a vocabulary has hundreds of thousands.
    fn skip_texts(&mut self, mut count: usize) -> Option<()> {
        while count > 0 {
            let piece = self.window.from(self.at)?;
            let mut at = 0;
            while count > 0
                && let Some(number) = piece.get(at..).and_then(<[u8]>::first_chunk)
            {
                let text = usize::try_from(u64::from_le_bytes(*number)).ok()?;
                at += 8 + Some(text).filter(|text| *text <= MOST_HEADER_BYTES)?;
                count -= 1;
            }
            self.at += at;
            self.check()?;
        }
        Some(())
    }

    /// Whether there is still something of a header to come.
    fn check(&self) -> Option<()> {
        (self.at <= self.window.file_len.min(MOST_HEADER_BYTES)).then_some(())
    }

    fn keep(&mut self, len: usize) -> Option<&[u8]> {
        let bytes = self.window.get(self.at, len)?;
        let from = self.kept.len();
        self.kept.extend_from_slice(bytes);
        self.at += len;
        self.check()?;
        self.kept.get(from..)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.keep(4)?.try_into().expect("four bytes")))
    }

    fn u64(&mut self) -> Option<usize> {
        let bytes = self.keep(8)?.try_into().expect("eight bytes");
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    }

    fn text(&mut self) -> Option<()> {
        let len = self.u64()?;
        if len > MOST_HEADER_BYTES {
            return None;
        }
        self.keep(len).map(drop)
    }
}
