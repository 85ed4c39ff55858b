//! Writes the header of a GGUF file: metadata and where each tensor will lie.
//!
//! Must not know what the tensors and keys mean.

use super::{MAGIC, kind};
use crate::container::Format;

/// Where tensors begin is a multiple of this.
pub(crate) const ALIGNMENT: usize = 32;

/// A header to be written.
#[derive(Default)]
pub(crate) struct HeaderWriter {
    keys: u64,
    metadata: Vec<u8>,
    tensors: u64,
    infos: Vec<u8>,
    /// Where the next tensor begins in the data.
    next: usize,
}

impl HeaderWriter {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }

    /// Adds a key with the bytes of its kind and value.
    pub(crate) fn raw(&mut self, key: &str, value: &[u8]) {
        Self::text(&mut self.metadata, key);
        self.metadata.extend(value);
        self.keys += 1;
    }

    fn value(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.raw(key, &[&kind.to_le_bytes(), value].concat());
    }

    pub(crate) fn u32(&mut self, key: &str, value: u32) {
        self.value(key, kind::U32, &value.to_le_bytes());
    }

    pub(crate) fn f32(&mut self, key: &str, value: f32) {
        self.value(key, kind::F32, &value.to_le_bytes());
    }

    pub(crate) fn bool(&mut self, key: &str, value: bool) {
        self.value(key, kind::BOOL, &[value.into()]);
    }

    pub(crate) fn string(&mut self, key: &str, value: &str) {
        let mut bytes = Vec::new();
        Self::text(&mut bytes, value);
        self.value(key, kind::TEXT, &bytes);
    }

    fn array(&mut self, key: &str, kind: u32, len: usize, elements: &[u8]) {
        let head = [&kind.to_le_bytes()[..], &(len as u64).to_le_bytes()].concat();
        self.value(key, kind::ARRAY, &[&head, elements].concat());
    }

    pub(crate) fn strings<'a>(&mut self, key: &str, values: impl ExactSizeIterator<Item = &'a str>) {
        let (len, mut bytes) = (values.len(), Vec::new());
        values.for_each(|value| Self::text(&mut bytes, value));
        self.array(key, kind::TEXT, len, &bytes);
    }

    pub(crate) fn floats(&mut self, key: &str, values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.array(key, kind::F32, values.len(), &bytes);
    }

    pub(crate) fn integers(&mut self, key: &str, values: &[i32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.array(key, kind::I32, values.len(), &bytes);
    }

    /// Adds a tensor, whose bytes follow those of the one before at the next multiple of [`ALIGNMENT`]. Gives how many they
    /// are; `None` where the shape does not fit the format.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[usize], format: Format) -> Option<usize> {
        let (columns, outer) = shape.split_last()?;
        let rows = outer.iter().try_fold(1_usize, |rows, size| rows.checked_mul(*size))?;
        let bytes = format.row_bytes(*columns)?.checked_mul(rows)?;
        Self::text(&mut self.infos, name);
        self.infos.extend((shape.len() as u32).to_le_bytes());
        for size in shape.iter().rev() {
            self.infos.extend((*size as u64).to_le_bytes());
        }
        self.infos.extend(format.ggml_id().to_le_bytes());
        self.infos.extend((self.next as u64).to_le_bytes());
        self.next = self.next.checked_add(bytes)?.checked_next_multiple_of(ALIGNMENT)?;
        self.tensors += 1;
        Some(bytes)
    }

    /// The header up to the first tensor, and the length of the whole file.
    pub(crate) fn finish(self) -> (Vec<u8>, usize) {
        let mut out = MAGIC.to_vec();
        out.extend(3_u32.to_le_bytes());
        out.extend(self.tensors.to_le_bytes());
        out.extend(self.keys.to_le_bytes());
        out.extend(self.metadata);
        out.extend(self.infos);
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        let len = out.len() + self.next;
        (out, len)
    }
}
