//! Reads the GGUF container (versions 2 and 3): metadata and where each tensor lies. Nothing in the file is believed:
//! every count and offset is checked against the bytes that are there before it is used.
//!
//! Must not know what the tensors and keys mean. Source: the GGUF specification in the ggml repository.

mod reader;
mod skim;
mod writer;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::{Bytes, Format};
use crate::LoadError;
use reader::Reader;
pub(crate) use skim::{Input, Skimmed};
pub(crate) use writer::{ALIGNMENT, HeaderWriter};

/// The first bytes of a GGUF file.
pub(crate) const MAGIC: &[u8; 4] = b"GGUF";

/// A parsed header. Borrows from the bytes that it was parsed from.
pub(crate) struct Gguf<'a> {
    metadata: HashMap<&'a str, Value<'a>>,
    /// The keys in the file's order, each with the bytes of its kind and value.
    pub(crate) entries: Vec<(&'a str, &'a [u8])>,
    /// Where each tensor lies, in file order.
    pub(crate) tensors: Vec<TensorInfo<'a>>,
}

/// One tensor's place in the file.
pub(crate) struct TensorInfo<'a> {
    pub(crate) name: &'a str,
    pub(crate) format: Format,
    /// Outermost dimension first, the reverse of the file's order.
    pub(crate) shape: Vec<usize>,
    /// The byte range in the file.
    pub(crate) range: Range<usize>,
}

/// A metadata value. Integers of every width are one kind, floats too.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    Array(Array<'a>),
}

/// An array whose elements have been checked to lie within the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Array<'a> {
    kind: u32,
    len: usize,
    /// Those of all elements, or of the first where the others were left out.
    bytes: &'a [u8],
}

/// How much of a file is read at first to find its header; a Gemma's has some six MiB, nearly all of it the vocabulary.
const FIRST_BYTES: usize = 8 << 20;

/// A longer header is no Gemma's.
const MOST_HEADER_BYTES: usize = 256 << 20;

/// The most tensors, and keys, of a header; the largest Gemma has some 800 and 50.
const MOST_ENTRIES: usize = 1 << 16;

/// A copy of a file's beginning in which the whole header is. The file may change while it is mapped; a copy does not
/// change between the check of a text or a number and its use.
pub(crate) fn header(bytes: &Bytes) -> Result<Cow<'_, [u8]>, LoadError> {
    let mut len = FIRST_BYTES;
    loop {
        let beginning = bytes.beginning(len)?;
        let mut reader = Reader::new(&beginning, bytes.size());
        let failed = Gguf::read(&mut reader).is_err();
        if !(failed && reader.wants_more) || len >= MOST_HEADER_BYTES {
            return Ok(beginning);
        }
        len *= 2;
    }
}

impl<'a> Gguf<'a> {
    /// Parses the header at the beginning of a file of `file_len` bytes. The error says what is wrong, without the path.
    pub(crate) fn parse(beginning: &'a [u8], file_len: usize) -> Result<Self, String> {
        Self::read(&mut Reader::new(beginning, file_len))
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, String> {
        let magic = reader.take(4)?;
        if magic != MAGIC {
            return Err(format!(
                "not a GGUF file: it begins with {magic:02x?}, not with \"GGUF\""
            ));
        }
        let version = reader.u32()?;
        if version.swap_bytes() == 2 || version.swap_bytes() == 3 {
            return Err("a big-endian GGUF file".to_owned());
        }
        if !(2..=3).contains(&version) {
            return Err(format!("GGUF version {version}, expected 2 or 3"));
        }
        // Nothing is allocated by a declared count. A tensor takes at least 24 bytes in the header and a key 13, so a larger count cannot be true.
        let tensor_count = reader.count("tensors", 24)?;
        let key_count = reader.count("metadata keys", 13)?;
        for (count, what) in [(tensor_count, "tensors"), (key_count, "metadata keys")] {
            if count > MOST_ENTRIES {
                return Err(format!("{count} {what} are declared, no Gemma has as many"));
            }
        }

        let (mut metadata, mut entries) = (HashMap::new(), Vec::new());
        for _ in 0..key_count {
            let key = reader.text()?;
            let start = reader.at;
            let kind = reader.u32()?;
            let value = reader.value(kind).map_err(|error| format!("key {key}: {error}"))?;
            if metadata.insert(key, value).is_some() {
                return Err(format!("key {key} stands twice"));
            }
            entries.push((key, &reader.beginning[start..reader.at]));
        }
        let mut gguf = Self {
            metadata,
            entries,
            tensors: Vec::new(),
        };
        let alignment = usize::try_from(gguf.unsigned("general.alignment")?.unwrap_or(32)).unwrap_or(0);
        if alignment == 0 || !alignment.is_multiple_of(8) {
            return Err(format!("general.alignment is {alignment}, expected a multiple of 8"));
        }
        // Tensor offsets count from the end of the header, which is known only when all infos are read.
        for _ in 0..tensor_count {
            let name = reader.text()?;
            let info = reader.tensor(name).map_err(|error| format!("tensor {name}: {error}"))?;
            gguf.tensors.push(info);
        }
        let file_len = reader.file_len;
        let data = (reader.at + reader.left_out)
            .checked_next_multiple_of(alignment)
            .ok_or("general.alignment is too large")?;
        for at in 0..gguf.tensors.len() {
            let tensor = &mut gguf.tensors[at];
            let placed = (tensor.range.start.checked_add(data)).zip(tensor.range.end.checked_add(data));
            match placed {
                Some((start, end)) if end <= file_len && start.is_multiple_of(alignment) => tensor.range = start..end,
                Some((start, end)) if end <= file_len => {
                    return Err(format!(
                        "tensor {}: offset {start} is not aligned to {alignment}",
                        tensor.name
                    ));
                }
                _ => {
                    let (name, len) = (tensor.name, tensor.range.len());
                    let promised = gguf.tensors.iter().map(|tensor| tensor.range.end).max().unwrap_or(0);
                    let promised = promised.saturating_add(data);
                    return Err(format!(
                        "the header promises {promised} bytes (tensor {name} alone {len}), the file has {file_len}; it is cut short, as a download that is not complete"
                    ));
                }
            }
        }
        gguf.check_overlaps()?;
        Ok(gguf)
    }

    /// Refuses two tensors that share bytes.
    fn check_overlaps(&self) -> Result<(), String> {
        let mut in_order: Vec<&TensorInfo<'_>> = self.tensors.iter().collect();
        in_order.sort_by_key(|tensor| tensor.range.start);
        for pair in in_order.windows(2) {
            if pair[0].range.end > pair[1].range.start {
                return Err(format!("tensors {} and {} overlap", pair[0].name, pair[1].name));
            }
        }
        Ok(())
    }

    /// The value of a key, if it is there.
    pub(crate) fn get(&self, key: &str) -> Option<Value<'a>> {
        self.metadata.get(key).copied()
    }

    /// An unsigned integer, `None` where the key is missing, an error where it holds something else.
    pub(crate) fn unsigned(&self, key: &str) -> Result<Option<u64>, String> {
        self.typed(key, "an unsigned integer", |value| match value {
            Value::Unsigned(number) => Some(number),
            Value::Signed(number) => u64::try_from(number).ok(),
            _ => None,
        })
    }

    /// A number.
    pub(crate) fn float(&self, key: &str) -> Result<Option<f64>, String> {
        self.typed(key, "a number", |value| match value {
            Value::Float(number) => Some(number),
            Value::Unsigned(number) => Some(number as f64),
            Value::Signed(number) => Some(number as f64),
            _ => None,
        })
    }

    /// A truth value.
    pub(crate) fn bool(&self, key: &str) -> Result<Option<bool>, String> {
        self.typed(key, "true or false", |value| match value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        })
    }

    /// A string.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        self.typed(key, "a string", |value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        })
    }

    /// An array.
    pub(crate) fn array(&self, key: &str) -> Result<Option<Array<'a>>, String> {
        self.typed(key, "an array", |value| match value {
            Value::Array(array) => Some(array),
            _ => None,
        })
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        convert: impl Fn(Value<'a>) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match convert(value) {
                Some(converted) => Ok(Some(converted)),
                None => Err(format!("key {key}: expected {expected}, found {}", value.describe())),
            },
        }
    }
}

impl Value<'_> {
    fn describe(&self) -> String {
        match self {
            Self::Unsigned(number) => number.to_string(),
            Self::Signed(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Bool(truth) => truth.to_string(),
            Self::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            Self::Array(array) => format!("an array of {}", array.len),
        }
    }
}

/// The ids of value kinds in the file.
mod kind {
    pub(super) const U8: u32 = 0;
    pub(super) const I8: u32 = 1;
    pub(super) const U16: u32 = 2;
    pub(super) const I16: u32 = 3;
    pub(super) const U32: u32 = 4;
    pub(super) const I32: u32 = 5;
    pub(super) const F32: u32 = 6;
    pub(super) const BOOL: u32 = 7;
    pub(super) const TEXT: u32 = 8;
    pub(super) const ARRAY: u32 = 9;
    pub(super) const U64: u32 = 10;
    pub(super) const I64: u32 = 11;
    pub(super) const F64: u32 = 12;

    /// How many bytes a value takes; `None` for texts and arrays, and where there is no such kind.
    pub(super) fn width(kind: u32) -> Option<usize> {
        match kind {
            U8 | I8 | BOOL => Some(1),
            U16 | I16 => Some(2),
            U32 | I32 | F32 => Some(4),
            U64 | I64 | F64 => Some(8),
            _ => None,
        }
    }
}

impl<'a> Array<'a> {
    /// How many elements it has.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The elements of an array of strings, the first ones where a long list was cut off; an error where it holds something else or text that is not UTF-8.
    pub(crate) fn texts(&self) -> Result<Vec<&'a str>, String> {
        self.collect("strings", |value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        })
    }

    /// The elements of an array of numbers.
    pub(crate) fn floats(&self) -> Result<Vec<f32>, String> {
        self.collect("numbers", |value| match value {
            Value::Float(number) => Some(number as f32),
            _ => None,
        })
    }

    /// The elements of an array of integers.
    pub(crate) fn integers(&self) -> Result<Vec<i64>, String> {
        self.collect("integers", |value| match value {
            Value::Unsigned(number) => i64::try_from(number).ok(),
            Value::Signed(number) => Some(number),
            _ => None,
        })
    }

    /// The elements of an array of truth values.
    pub(crate) fn truths(&self) -> Result<Vec<bool>, String> {
        self.collect("truth values", |value| match value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        })
    }

    fn collect<T>(&self, expected: &str, convert: impl Fn(Value<'a>) -> Option<T>) -> Result<Vec<T>, String> {
        let mut reader = Reader::new(self.bytes, self.bytes.len());
        let mut elements = Vec::new();
        while elements.len() < self.len && reader.at < self.bytes.len() {
            let value = reader.value(self.kind)?;
            elements.push(convert(value).ok_or_else(|| format!("expected an array of {expected}"))?);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests;
