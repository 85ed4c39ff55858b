//! A model written anew with fewer bits for its weights, as one GGUF file that llama.cpp takes, too.
//!
//! Tensors go through memory a few rows at a time: read, made `f32` numbers, encoded on all threads, written. The file is
//! written beside its place and renamed when it is whole.
//!
//! Must not know how progress is shown.

mod checkpoint;
mod encode;
mod mixture;
mod space;

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::container::Format;
use crate::container::gguf::ALIGNMENT;
use crate::weights::ListedTensor;
use crate::{LoadError, ModelSource, ops};
use checkpoint::{Checkpoint, rows_and_columns};
pub use mixture::Mixture;

/// Numbers that a thread takes at a time: some MiB.
const PIECE: usize = 1 << 20;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Quantized {
    /// The size of the file.
    pub bytes: u64,
    /// How many bytes the same tensors took before.
    pub bytes_before: u64,
    /// How many tensors are stored in which format.
    pub formats: Vec<(&'static str, usize)>,
}

/// A tensor and what becomes of it.
struct Job {
    tensor: ListedTensor,
    format: Format,
    bytes: usize,
}

/// Writes the model to `out`, a file. `progress` is told how many bytes of how many are written. An error says where it was:
/// in what is read or in what is written.
pub fn quantize(
    source: &ModelSource,
    out: &Path,
    to: Mixture,
    threads: usize,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Quantized, LoadError> {
    let checkpoint = Checkpoint::open(source)?;
    check_place(&checkpoint, out)?;
    let layers = checkpoint.config.layers.len();
    let mut header = checkpoint.header(to)?;
    let mut jobs = Vec::new();
    for tensor in checkpoint.tensors {
        let format = to.format(&tensor.name, &tensor.shape, layers);
        let bytes = header.tensor(&tensor.name, &tensor.shape, format);
        let bytes = bytes.ok_or_else(|| {
            source.broken(
                format!("tensor {}: {:?} is too large", tensor.name, tensor.shape),
                "use another model",
            )
        })?;
        jobs.push(Job { tensor, format, bytes });
    }
    let (header, len) = header.finish();
    checkpoint::check_header(&header, len, &checkpoint.config)
        .map_err(|what| source.broken(what, "quantize another model, or use this one as it is"))?;
    let failed = |error: std::io::Error| cannot_write(out, &error);
    if let Some(free) = space::free_bytes(folder_of(out))
        && free < len as u64
    {
        return Err(LoadError::new(
            out,
            format!(
                "the file takes {} MiB, and there is room for {} MiB",
                len.div_ceil(1 << 20),
                free >> 20
            ),
            "make room, or write it to another disk",
        ));
    }
    let mut file = beside(out).map_err(failed)?;
    file.write_all(&header).map_err(failed)?;
    let mut report = Quantized {
        bytes: len as u64,
        bytes_before: 0,
        formats: Vec::new(),
    };
    let mut written = header.len() as u64;
    for job in &jobs {
        let name = job.format.name();
        match report.formats.iter_mut().find(|(format, _)| *format == name) {
            Some((_, count)) => *count += 1,
            None => report.formats.push((name, 1)),
        }
        report.bytes_before += job.tensor.bytes.size() as u64;
        for rows in pieces(job, threads) {
            let bytes = encode_rows(source, job, rows, threads)?;
            file.write_all(&bytes).map_err(failed)?;
            written += bytes.len() as u64;
            progress(written, len as u64);
        }
        let padding = job.bytes.next_multiple_of(ALIGNMENT) - job.bytes;
        file.write_all(&[0; ALIGNMENT][..padding]).map_err(failed)?;
        written += padding as u64;
    }
    let changed = |what: String| source.failed(what, "quantize it again");
    checkpoint.files.check().map_err(changed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(out).map_err(|error| failed(error.error))?;
    Ok(report)
}

/// Refuses a place where the model itself lies, or that is no file's.
fn check_place(checkpoint: &Checkpoint, out: &Path) -> Result<(), LoadError> {
    if out.is_dir() {
        return Err(LoadError::new(out, "it is a folder", "name a file that ends in .gguf"));
    }
    if let Ok(place) = out.canonicalize() {
        let is_source = |path: &Path| path.canonicalize().is_ok_and(|path| path == place);
        if checkpoint.files.paths().any(is_source) {
            return Err(LoadError::new(
                out,
                "this is the model that is read",
                "name another file to write to",
            ));
        }
    }
    Ok(())
}

/// The ranges of rows that are written one after the other.
fn pieces(job: &Job, threads: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
    let (rows, columns) = rows_and_columns(&job.tensor);
    let at_once = (PIECE / columns.max(1)).max(1) * threads.max(1);
    (0..rows)
        .step_by(at_once)
        .map(move |start| start..rows.min(start + at_once))
}

/// Some rows of a tensor in its new format.
fn encode_rows(
    source: &ModelSource,
    job: &Job,
    rows: std::ops::Range<usize>,
    threads: usize,
) -> Result<Vec<u8>, LoadError> {
    let Job { tensor, format, .. } = job;
    let (_, columns) = rows_and_columns(tensor);
    let row_bytes = tensor
        .format
        .row_bytes(columns)
        .expect("whole rows were checked when it was opened");
    let mut stored = vec![0; rows.len() * row_bytes];
    tensor.bytes.copy(rows.start * row_bytes, &mut stored)?;
    if tensor.format == *format && !tensor.lacks_one {
        return Ok(stored);
    }
    let share = rows.len().div_ceil(threads.max(1)).max(1) * row_bytes;
    let encoded = std::thread::scope(|scope| {
        let parts: Vec<_> = stored
            .chunks(share)
            .map(|part| scope.spawn(move || encode_part(tensor, *format, part, part.len() / row_bytes * columns)))
            .collect();
        let joined = parts
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|_| Err("encoding failed".to_owned())));
        joined.collect::<Result<Vec<_>, _>>()
    });
    encoded
        .map(|parts| parts.concat())
        .map_err(|what| source.broken(what, crate::container::REMEDY))
}

fn encode_part(tensor: &ListedTensor, format: Format, stored: &[u8], numbers: usize) -> Result<Vec<u8>, String> {
    let mut x = vec![0.0; numbers];
    ops::dequantize(tensor.format, stored, &mut x);
    if tensor.lacks_one {
        x.iter_mut().for_each(|x| *x += 1.0);
    }
    let most = x.iter().fold(
        0.0,
        |most: f32, x| if x.is_nan() { f32::NAN } else { most.max(x.abs()) },
    );
    let name = &tensor.name;
    if x.iter().any(|x| !x.is_finite()) {
        return Err(format!("tensor {name} has numbers that are not finite"));
    }
    if format == Format::F16 && most > f32::from(half::f16::MAX) {
        return Err(format!(
            "tensor {name} has numbers up to {most}, which F16 does not hold; BF16 does"
        ));
    }
    let mut out = Vec::with_capacity(format.row_bytes(numbers).unwrap_or(0));
    encode::encode(format, &x, &mut out);
    Ok(out)
}

fn folder_of(out: &Path) -> PathBuf {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// A new file in the folder of `out`, by a name that no program takes for a model's. It goes away unless it is renamed.
fn beside(out: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".codegemma-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder_of(out)).map_err(|error| error.kind().into())
}

fn cannot_write(out: &Path, error: &std::io::Error) -> LoadError {
    LoadError::new(
        out,
        format!("the file cannot be written ({error})"),
        "check the path, its folder's permissions and the room on its disk",
    )
}

#[cfg(test)]
mod tests;
