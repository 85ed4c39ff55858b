//! Opens Hugging Face folders: `config.json` beside one or many safetensors files.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use safetensors::SafeTensors;
use serde_json::Value;

use super::names::{self, Naming};
use super::{Bytes, Format, REMEDY, Stored, Tensors, Weights, file_name};
use crate::{LoadError, config};

pub(super) fn open(folder: &Path) -> Result<Weights, LoadError> {
    let config_path = folder.join("config.json");
    let config = config::from_json(&read(&config_path)?).map_err(|what| {
        LoadError::new(
            &config_path,
            what,
            "use a Gemma 1, CodeGemma, Gemma 2 or Gemma 3 checkpoint",
        )
    })?;

    let files = files(folder)?;
    let mut maps = Vec::new();
    for file in &files {
        let path = folder.join(file);
        maps.push((Bytes::map(&path)?, path));
    }
    let mut parsed = Vec::new();
    for (bytes, path) in &maps {
        let broken = |error| LoadError::new(path, format!("not a whole safetensors file: {error}"), REMEDY);
        parsed.push((SafeTensors::deserialize(bytes).map_err(broken)?, bytes, path));
    }
    // The text part of a multimodal checkpoint has a longer prefix than a plain one.
    let embedding = parsed.iter().flat_map(|(tensors, ..)| tensors.names());
    let prefix = embedding
        .filter_map(|name| name.strip_suffix("embed_tokens.weight"))
        .next()
        .unwrap_or("model.");
    let naming = Naming::HuggingFace {
        architecture: config.architecture,
        prefix: prefix.to_owned(),
    };
    let mut tensors = Tensors::new(folder.into(), naming);
    for (file, bytes, path) in &parsed {
        for (name, view) in file.iter().filter(|(name, _)| !names::is_harmless(name)) {
            let format = Format::from_safetensors(view.dtype()).ok_or_else(|| {
                let what = format!("tensor {name} is {:?}, expected F32, F16 or BF16", view.dtype());
                LoadError::new(path, what, REMEDY)
            })?;
            let start = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
            let stored = Stored {
                format,
                shape: view.shape().to_vec(),
                bytes: bytes
                    .slice(start..start + view.data().len())
                    .expect("the view lies within the file"),
            };
            tensors.insert(name, stored)?;
        }
    }
    Ok(Weights {
        name: file_name(folder),
        config,
        tensors,
    })
}

fn read(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|error| {
        LoadError::new(
            path,
            format!("cannot be read: {error}"),
            "a model folder needs config.json, safetensors and tokenizer.json",
        )
    })
}

/// The names of the folder's safetensors files: those of the index, or the one file where there is no index.
fn files(folder: &Path) -> Result<BTreeSet<String>, LoadError> {
    let index_path = folder.join("model.safetensors.index.json");
    if !index_path.exists() {
        return Ok(BTreeSet::from(["model.safetensors".to_owned()]));
    }
    let broken = |what: String| LoadError::new(&index_path, what, REMEDY);
    let index: Value =
        serde_json::from_str(&read(&index_path)?).map_err(|error| broken(format!("not valid JSON: {error}")))?;
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
