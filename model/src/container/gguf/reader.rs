//! Reads the parts of a GGUF header, each checked against the bytes that there are.
//!
//! Must not know what the tensors and keys mean.

use super::skim::Gap;
use super::{Array, MOST_HEADER_BYTES, TensorInfo, Value, kind};
use crate::container::Format;
use crate::container::format::unsupported_name;

/// A cursor over the beginning of a file that never reads past its end.
pub(super) struct Reader<'a> {
    pub(super) beginning: &'a [u8],
    /// How long the whole file is.
    pub(super) file_len: usize,
    pub(super) at: usize,
    /// Whether it failed only because the beginning was too short.
    pub(super) wants_more: bool,
    /// Where lists are cut off in the beginning, those that are still to come.
    pub(super) gaps: &'a [Gap],
    /// How many bytes of the file were left out in the gaps so far.
    pub(super) left_out: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(beginning: &'a [u8], file_len: usize) -> Self {
        Self {
            beginning,
            file_len,
            at: 0,
            wants_more: false,
            gaps: &[],
            left_out: 0,
        }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.file_len);
        let end = end.ok_or_else(|| {
            format!(
                "the header ends at byte {} where {len} more are expected; the file is cut short",
                self.file_len
            )
        })?;
        let Some(bytes) = self.beginning.get(self.at..end) else {
            self.wants_more = true;
            return Err(format!("its header is longer than {} MiB", MOST_HEADER_BYTES >> 20));
        };
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.take(N)?.try_into().expect("take returns the length asked for"))
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count of things that take at least `min_bytes` each; refused when the rest of the file cannot hold them.
    pub(super) fn count(&mut self, what: &str, min_bytes: usize) -> Result<usize, String> {
        let declared = self.u64()?;
        let room = (self.file_len - self.at) / min_bytes;
        usize::try_from(declared)
            .ok()
            .filter(|&count| count <= room)
            .ok_or_else(|| format!("{declared} {what} are declared, there is room for at most {room}"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, String> {
        let len = self.count("bytes of text", 1)?;
        std::str::from_utf8(self.take(len)?).map_err(|error| format!("text that is not UTF-8: {error}"))
    }

    pub(super) fn value(&mut self, kind: u32) -> Result<Value<'a>, String> {
        Ok(match kind {
            kind::U8 => Value::Unsigned(self.array::<1>()?[0].into()),
            kind::I8 => Value::Signed(i8::from_le_bytes(self.array()?).into()),
            kind::U16 => Value::Unsigned(u16::from_le_bytes(self.array()?).into()),
            kind::I16 => Value::Signed(i16::from_le_bytes(self.array()?).into()),
            kind::U32 => Value::Unsigned(self.u32()?.into()),
            kind::I32 => Value::Signed(i32::from_le_bytes(self.array()?).into()),
            kind::F32 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            kind::BOOL => Value::Bool(self.array::<1>()?[0] != 0),
            kind::TEXT => Value::Text(self.text()?),
            kind::U64 => Value::Unsigned(self.u64()?),
            kind::I64 => Value::Signed(i64::from_le_bytes(self.array()?)),
            kind::F64 => Value::Float(f64::from_le_bytes(self.array()?)),
            kind::ARRAY => {
                let kind = self.u32()?;
                let width = match kind {
                    // A text has its length in front.
                    kind::TEXT => 8,
                    kind => kind::width(kind).ok_or_else(|| format!("an array of elements of unknown kind {kind}"))?,
                };
                let len = self.count("array elements", width)?;
                let start = self.at;
                if let Some((gap, later)) = self.gaps.split_first().filter(|(gap, _)| gap.start == start) {
                    self.take(gap.kept)?;
                    (self.gaps, self.left_out) = (later, self.left_out + gap.missing);
                } else if kind == kind::TEXT {
                    for _ in 0..len {
                        let bytes = self.count("bytes of text", 1)?;
                        self.take(bytes)?;
                    }
                } else {
                    self.take(len * width)?;
                }
                Value::Array(Array {
                    kind,
                    len,
                    bytes: &self.beginning[start..self.at],
                })
            }
            other => return Err(format!("a value of unknown kind {other}")),
        })
    }

    /// A tensor's info; its range counts from the start of the data for now.
    pub(super) fn tensor(&mut self, name: &'a str) -> Result<TensorInfo<'a>, String> {
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return Err(format!("{dimensions} dimensions, expected 1 to 4"));
        }
        let mut shape = Vec::with_capacity(dimensions as usize);
        for _ in 0..dimensions {
            let size = self.u64()?;
            shape.push(usize::try_from(size).map_err(|_| format!("a dimension of {size}"))?);
        }
        let type_id = self.u32()?;
        let format = Format::from_ggml(type_id).ok_or_else(|| {
            let known: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
            let name =
                unsupported_name(type_id).map_or_else(|| type_id.to_string(), |name| format!("{name} ({type_id})"));
            format!(
                "quantization type {name} is not supported; take a file in Q4_K_M, Q8_0 or another of {}",
                known.join(", ")
            )
        })?;
        let offset = self.u64()?;
        let row_bytes = format.row_bytes(shape[0]);
        let bytes = shape[1..]
            .iter()
            .try_fold(row_bytes, |bytes, &size| Some(bytes?.checked_mul(size)))
            .flatten();
        let end = bytes
            .zip(usize::try_from(offset).ok())
            .and_then(|(bytes, offset)| offset.checked_add(bytes));
        let (Some(bytes), Some(end)) = (bytes, end) else {
            return Err(format!(
                "a shape of {shape:?} in {} does not fit whole blocks or memory",
                format.name()
            ));
        };
        shape.reverse();
        Ok(TensorInfo {
            name,
            format,
            shape,
            range: end - bytes..end,
        })
    }
}
