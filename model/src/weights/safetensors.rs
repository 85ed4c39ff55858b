//! Opens Hugging Face folders: `config.json` beside one or many safetensors files.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;

use super::names::{self, Naming};
use super::{Stored, Tensors, Weights, file_name};
use crate::config::{self, ModelConfig};
use crate::container::{Bytes, Files, Format, REMEDY};
use crate::{LoadError, plain_file};

/// A longer `config.json` is none; a Gemma's has a few KiB.
const MOST_CONFIG_BYTES: u64 = 1 << 20;

/// A longer index is none; a Gemma's has some hundred KiB.
const MOST_INDEX_BYTES: u64 = 16 << 20;

/// A longer header is none; a Gemma's has some hundred KiB.
const MOST_HEADER_BYTES: u64 = 16 << 20;

pub(super) fn open(folder: &Path) -> Result<Weights, LoadError> {
    let config = config(folder)?;
    let parsed = headers(folder)?;
    // The text part of a multimodal checkpoint has a longer prefix than a plain one.
    let mut embedding = parsed.iter().flat_map(|(header, ..)| header.metadata.offset_keys());
    let prefix = embedding.find_map(|name| Some(name.strip_suffix("embed_tokens.weight")?.to_owned()));
    let prefix = prefix.unwrap_or_else(|| "model.".to_owned());
    let naming = Naming::HuggingFace {
        architecture: config.architecture,
        prefix,
    };
    let mut tensors = Tensors::new(folder.into(), naming);
    for (header, bytes, path) in &parsed {
        for (name, info) in header.tensors().filter(|(name, _)| !names::is_harmless(name)) {
            let format = format(&name, info, path)?;
            let (start, end) = info.data_offsets;
            let stored = Stored {
                format,
                shape: info.shape.clone(),
                bytes: bytes
                    .slice(header.len + start..header.len + end)
                    .expect("the header was checked against the file's length"),
            };
            tensors.insert(&name, stored)?;
        }
    }
    Ok(Weights {
        name: file_name(folder),
        quantization: None,
        config,
        tensors,
        files: Files::of(parsed.iter().map(|(_, bytes, _)| bytes)),
    })
}

/// What the `config.json` of a folder says of the model.
pub(crate) fn config(folder: &Path) -> Result<ModelConfig, LoadError> {
    let path = folder.join("config.json");
    config::from_json(&read(&path, MOST_CONFIG_BYTES)?)
        .map_err(|what| LoadError::new(&path, what, "use a Gemma 1, CodeGemma, Gemma 2 or Gemma 3 checkpoint"))
}

/// What the folder's files say of their tensors, and the files.
pub(crate) fn headers(folder: &Path) -> Result<Vec<(Header, Bytes, PathBuf)>, LoadError> {
    let file = |file| {
        let path = folder.join(file);
        let bytes = Bytes::map(&path)?;
        Ok((header(&bytes, &path)?, bytes, path))
    };
    files(folder)?.into_iter().map(file).collect()
}

/// What a safetensors file says of its tensors.
pub(crate) struct Header {
    metadata: Metadata,
    /// How many bytes there are before the first tensor.
    len: usize,
}

impl Header {
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (String, &TensorInfo)> {
        let names = self.metadata.offset_keys().into_iter();
        names.filter_map(|name| self.metadata.info(&name).map(|info| (name, info)))
    }
}

/// Reads the header of a file and checks it against the file's length.
fn header(bytes: &Bytes, path: &Path) -> Result<Header, LoadError> {
    let broken = |what: String| LoadError::new(path, format!("not a whole safetensors file: {what}"), REMEDY);
    let short = || {
        broken(format!(
            "the header goes on after the file's {} bytes; the file is cut short",
            bytes.size()
        ))
    };
    let beginning = bytes.beginning(8)?;
    let declared = u64::from_le_bytes(beginning[..].try_into().map_err(|_| short())?);
    if declared > MOST_HEADER_BYTES {
        return Err(broken(format!("a header of {declared} bytes")));
    }
    let len = declared as usize + 8;
    let beginning = bytes.beginning(len)?;
    let text = beginning.get(8..len).ok_or_else(short)?;
    let metadata: Metadata = serde_json::from_slice(text).map_err(|error| broken(error.to_string()))?;
    let promised = metadata.data_len().checked_add(len);
    match promised == Some(bytes.size()) {
        true => Ok(Header { metadata, len }),
        false => Err(broken(format!(
            "the header promises {} bytes, the file has {}",
            promised.map_or_else(|| "too many".to_owned(), |promised| promised.to_string()),
            bytes.size()
        ))),
    }
}

/// The format of a tensor, where the engine runs it.
pub(crate) fn format(name: &str, info: &TensorInfo, path: &Path) -> Result<Format, LoadError> {
    Format::from_safetensors(info.dtype).ok_or_else(|| {
        let what = format!("tensor {name} is {:?}, expected F32, F16 or BF16", info.dtype);
        LoadError::new(path, what, REMEDY)
    })
}

fn read(path: &Path, most: u64) -> Result<String, LoadError> {
    let broken = |what: String| {
        let remedy = "a model folder needs config.json, safetensors and tokenizer.json";
        LoadError::new(path, what, remedy)
    };
    let bytes = plain_file::read(path, most).map_err(|error| broken(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| broken("it is not UTF-8".to_owned()))
}

/// The names of the folder's safetensors files: those of the index, or the one file where there is no index.
fn files(folder: &Path) -> Result<BTreeSet<String>, LoadError> {
    let index_path = folder.join("model.safetensors.index.json");
    if std::fs::symlink_metadata(&index_path).is_err() {
        return Ok(BTreeSet::from(["model.safetensors".to_owned()]));
    }
    let broken = |what: String| LoadError::new(&index_path, what, REMEDY);
    let index: Value = serde_json::from_str(&read(&index_path, MOST_INDEX_BYTES)?)
        .map_err(|error| broken(format!("not valid JSON: {error}")))?;
    let map = index["weight_map"]
        .as_object()
        .ok_or_else(|| broken("weight_map is missing".to_owned()))?;
    let mut files = BTreeSet::new();
    for file in map.values() {
        let name = file.as_str().unwrap_or_default();
        // A file name from outside must not lead out of the folder.
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Err(broken(format!(
                "weight_map names {file}, expected the name of a file in this folder"
            )));
        }
        files.insert(name.to_owned());
    }
    Ok(files)
}
