//! What has come of a file: its bytes, and beside them a list of the pieces that are there, each with its checksum.
//!
//! A piece is on the list after it was written. It must not know where pieces come from.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::PIECE;

/// A line of the list: the number of a piece and its checksum, as 8 hexadecimal digits each.
const LINE: usize = 18;

#[derive(Serialize, Deserialize, PartialEq)]
struct Head {
    etag: String,
    bytes: u64,
    piece: u64,
}

/// The list, as it was when it was read.
pub(super) struct Listed {
    /// The checksums of the pieces that are there.
    pub(super) sums: Vec<Option<u32>>,
    /// The length of the list without what was not written to its end.
    len: u64,
    bytes: u64,
}

/// A file that is being fetched.
pub(super) struct Kept {
    pub(super) data: File,
    list: File,
    pub(super) listed: Listed,
}

impl Listed {
    /// How many bytes are there.
    pub(super) fn bytes(&self) -> u64 {
        let there = (0..).zip(&self.sums).filter(|(_, sum)| sum.is_some());
        there.map(|(piece, _)| len_of(piece, self.bytes)).sum()
    }
}

impl Kept {
    /// What a list says, if it is of this file; else that nothing is there.
    pub(super) fn read(list: &Path, etag: &str, bytes: u64) -> Listed {
        let count = usize::try_from(bytes.div_ceil(PIECE)).unwrap_or(usize::MAX);
        let head = head(etag, bytes);
        let most = (head.len() as u64).saturating_add((count as u64).saturating_mul(4 * LINE as u64));
        let text = list
            .metadata()
            .ok()
            .filter(|list| list.is_file() && list.len() <= most)
            .and_then(|_| fs::read(list).ok())
            .unwrap_or_default();
        let mut listed = Listed {
            sums: Vec::new(),
            len: 0,
            bytes,
        };
        let Some(lines) = text.strip_prefix(head.as_slice()) else {
            return listed;
        };
        listed.sums = vec![None; count];
        listed.len = (text.len() - lines.len() % LINE) as u64;
        for line in lines.chunks_exact(LINE) {
            let number = |from: usize| u32::from_str_radix(std::str::from_utf8(&line[from..from + 8]).ok()?, 16).ok();
            let piece = number(0)
                .zip(number(9))
                .filter(|_| line[8] == b' ' && line[17] == b'\n');
            if let Some((piece, sum)) = piece
                && let Some(place) = listed.sums.get_mut(piece as usize)
            {
                *place = Some(sum);
            }
        }
        listed
    }

    /// Goes on with what is there of this file, or begins.
    pub(super) fn open(data: &Path, list: &Path, etag: &str, bytes: u64) -> io::Result<Self> {
        let mut listed = Self::read(list, etag, bytes);
        let file = |path: &Path| {
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
        };
        let data = file(data)?;
        if listed.len == 0 || data.metadata()?.len() != bytes {
            listed.sums = vec![None; bytes.div_ceil(PIECE) as usize];
            listed.len = 0;
        }
        let list = File::options().append(true).create(true).open(list)?;
        list.set_len(listed.len)?;
        if listed.len == 0 {
            data.set_len(0)?;
            data.set_len(bytes)?;
            (&list).write_all(&head(etag, bytes))?;
        }
        Ok(Self { data, list, listed })
    }

    /// Writes a piece, and that it is there.
    pub(super) fn write_piece(&self, piece: usize, bytes: &[u8]) -> io::Result<u32> {
        write_at(&self.data, bytes, piece as u64 * PIECE)?;
        let sum = crc32fast::hash(bytes);
        // In one write, so that what others write at the same time is beside it.
        (&self.list).write_all(format!("{piece:08x} {sum:08x}\n").as_bytes())?;
        Ok(sum)
    }

    /// Reads a piece.
    pub(super) fn read_piece(&self, piece: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.resize(len_of(piece, self.listed.bytes) as usize, 0);
        read_at(&self.data, buffer, piece as u64 * PIECE)
    }
}

/// The length of a piece: only the last one may be shorter.
pub(super) fn len_of(piece: usize, bytes: u64) -> u64 {
    bytes.saturating_sub(piece as u64 * PIECE).min(PIECE)
}

fn head(etag: &str, bytes: u64) -> Vec<u8> {
    let head = Head {
        etag: etag.to_owned(),
        bytes,
        piece: PIECE,
    };
    let mut line = serde_json::to_vec(&head).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        let written = file.seek_write(bytes, at)?;
        bytes = &bytes[written..];
        at += written as u64;
    }
    Ok(())
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        let read = file.seek_read(bytes, at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        at += read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: u64 = 2 * PIECE + 5;

    /// What a list is read as after its text was changed.
    #[track_caller]
    fn check(change: impl Fn(&mut Vec<u8>), expected: &[bool]) {
        let folder = tempfile::tempdir().unwrap();
        let (data, list) = (folder.path().join("data"), folder.path().join("list"));
        let kept = Kept::open(&data, &list, "e", BYTES).unwrap();
        kept.write_piece(2, b"12345").unwrap();
        kept.write_piece(0, &vec![7; PIECE as usize]).unwrap();
        drop(kept);
        let mut text = fs::read(&list).unwrap();
        change(&mut text);
        fs::write(&list, &text).unwrap();
        let kept = Kept::open(&data, &list, "e", BYTES).unwrap();
        let there: Vec<bool> = kept.listed.sums.iter().map(Option::is_some).collect();
        assert_eq!(there, expected);
        // What is added stands behind what is whole.
        kept.write_piece(1, &vec![8; PIECE as usize]).unwrap();
        let listed = Kept::read(&list, "e", BYTES);
        assert_eq!(listed.sums[1], Some(crc32fast::hash(&vec![8; PIECE as usize])));
        let mut buffer = Vec::new();
        kept.read_piece(1, &mut buffer).unwrap();
        assert_eq!(buffer, vec![8; PIECE as usize]);
        assert_eq!(data.metadata().unwrap().len(), BYTES);
    }

    #[test]
    fn a_list_that_was_cut_or_damaged_says_less() {
        check(|_| (), &[true, false, true]);
        for cut in 1..=LINE {
            check(|text| text.truncate(text.len() - cut), &[false, false, true]);
        }
        check(|text| text.truncate(text.len() - LINE - 1), &[false; 3]);
        check(|text| text.truncate(10), &[false; 3]);
        check(|text| text.clear(), &[false; 3]);
        check(|text| text[0] = b'x', &[false; 3]);
        check(
            |text| {
                let at = text.len() - 3;
                text[at..].fill(0)
            },
            &[false, false, true],
        );
        check(|text| text.extend([0; 4096]), &[false; 3]);
        check(|text| text.extend(b"ffffffff 00000000\n"), &[true, false, true]);
    }

    #[test]
    fn another_file_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        let (data, list) = (folder.path().join("data"), folder.path().join("list"));
        let open = |etag: &str, bytes| Kept::open(&data, &list, etag, bytes).unwrap();
        open("e", BYTES).write_piece(2, b"12345").unwrap();
        assert_eq!(Kept::read(&list, "e", BYTES).bytes(), 5);
        assert_eq!(Kept::read(&list, "f", BYTES).bytes(), 0);
        assert_eq!(open("e", BYTES).listed.bytes(), 5);
        assert_eq!(open("e", BYTES + 1).listed.bytes(), 0);
        assert_eq!(open("e", BYTES).listed.bytes(), 0);
        open("e", BYTES).write_piece(2, b"12345").unwrap();
        fs::remove_file(&data).unwrap();
        assert_eq!(open("e", BYTES).listed.bytes(), 0);
    }
}
