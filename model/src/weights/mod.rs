//! Weights as they lie on disk: one store of named, shape-checked, memory-mapped tensors, whether they come from a GGUF
//! file or from a Hugging Face folder.
//!
//! Must not know what the tensors are for, beyond the table of their names.

mod names;
mod safetensors;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use crate::config::{self, ModelConfig};
use crate::container::{Bytes, Files, Format, Gguf, REMEDY, format, gguf, kind};
use crate::ops::Matrix;
use crate::{LoadError, ModelSource};
use names::Naming;

/// A checkpoint's configuration and tensors.
pub(crate) struct Weights {
    /// The name that the file gives itself, else the file's own.
    pub(crate) name: String,
    /// What most of the weights are stored in, by the name that the file gives it.
    pub(crate) quantization: Option<&'static str>,
    pub(crate) config: ModelConfig,
    pub(crate) tensors: Tensors,
    pub(crate) files: Files,
}

impl Weights {
    /// Opens a GGUF file, or a folder with `config.json` and safetensors. Maps the files; reads only their headers.
    pub(crate) fn open(source: &ModelSource) -> Result<Self, LoadError> {
        match source {
            ModelSource::Path(path) if path.is_dir() => safetensors::open(path),
            _ => Self::open_gguf(source),
        }
    }

    fn open_gguf(source: &ModelSource) -> Result<Self, LoadError> {
        let bytes = Bytes::of(source)?;
        let beginning = bytes.beginning(kind::LOOKED_AT)?;
        if !beginning.starts_with(gguf::MAGIC) {
            let (what, remedy) = kind::of_beginning(&beginning, bytes.size());
            return Err(source.broken(what, remedy));
        }
        let broken = |what: String| match source {
            ModelSource::Path(path) if kind::is_unfinished(path) => {
                let what = format!("{what}, and its name says that its download is not complete");
                source.broken(what, "wait for it, or download the model again")
            }
            _ => source.broken(what, REMEDY),
        };
        let header = gguf::header(&bytes)?;
        let gguf = Gguf::parse(&header, bytes.size()).map_err(broken)?;
        let architecture = gguf.text("general.architecture").map_err(broken)?;
        let kind = gguf
            .text("general.type")
            .map_err(broken)?
            .filter(|kind| *kind != "model");
        if let Some(name) = architecture
            && (kind.is_some() || config::Architecture::of_gguf(name).is_none())
        {
            let (what, remedy) = kind::of_architecture(name, kind);
            return Err(source.broken(what, remedy));
        }
        let vocab_size = gguf
            .array("tokenizer.ggml.tokens")
            .map_err(broken)?
            .map_or(0, |tokens| tokens.len());
        let config = config::from_gguf(&gguf, vocab_size).map_err(broken)?;
        let mut tensors = Tensors::new(source.clone(), Naming::Gguf);
        for info in gguf.tensors.iter().filter(|info| !names::is_harmless(info.name)) {
            let stored = Stored {
                format: info.format,
                shape: info.shape.clone(),
                bytes: bytes.slice(info.range.clone()).expect("the parser checked the range"),
            };
            tensors.insert(info.name, stored)?;
        }
        let name = gguf
            .text("general.name")
            .map_err(broken)?
            .filter(|name| !name.is_empty());
        let own_name = || match source {
            ModelSource::Path(path) => file_name(path),
            ModelSource::Embedded(embedded) => embedded.name.to_owned(),
        };
        let file_type = gguf.unsigned("general.file_type").map_err(broken)?;
        Ok(Self {
            name: name.map_or_else(own_name, str::to_owned),
            quantization: file_type.and_then(format::file_type_name),
            config,
            tensors,
            files: Files::of([&bytes]),
        })
    }
}

/// A path's last part for people to read.
fn file_name(path: &Path) -> String {
    path.file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Tensors by their names in the file. Each is taken out once; what is left over at the end is an error.
pub(crate) struct Tensors {
    source: ModelSource,
    naming: Naming,
    stored: BTreeMap<String, Stored>,
}

struct Stored {
    format: Format,
    shape: Vec<usize>,
    bytes: Bytes,
}

impl Tensors {
    fn new(source: ModelSource, naming: Naming) -> Self {
        Self {
            source,
            naming,
            stored: BTreeMap::new(),
        }
    }

    fn insert(&mut self, name: &str, stored: Stored) -> Result<(), LoadError> {
        match self.stored.insert(name.to_owned(), stored) {
            None => Ok(()),
            Some(_) => Err(self.error(format!("tensor {name} stands twice"))),
        }
    }

    fn error(&self, what: String) -> LoadError {
        self.source.broken(what, REMEDY)
    }

    fn take(&mut self, layer: Option<usize>, part: &str, shape: &[usize]) -> Result<Stored, LoadError> {
        let name = self.naming.name(layer, part);
        let stored = self.stored.remove(&name);
        let stored = stored.ok_or_else(|| self.error(format!("tensor {name} is missing, expected {shape:?}")))?;
        match stored.shape == shape {
            true => Ok(stored),
            false => Err(self.error(format!("tensor {name} is {:?}, expected {shape:?}", stored.shape))),
        }
    }

    /// A weight matrix of `rows` outputs by `cols` inputs. `part` is its GGUF name within the layer.
    pub(crate) fn matrix(
        &mut self,
        layer: Option<usize>,
        part: &str,
        rows: usize,
        cols: usize,
    ) -> Result<Matrix, LoadError> {
        let Stored { format, bytes, .. } = self.take(layer, part, &[rows, cols])?;
        Matrix::new(format, rows, cols, bytes)
            .ok_or_else(|| self.error(format!("the bytes of {part} are not those of [{rows}, {cols}]")))
    }

    /// The weight of a normalization over `len` channels, in `f32`, as the factor that it is: with the 1 added where
    /// the file stores the difference from 1.
    pub(crate) fn norm(&mut self, layer: Option<usize>, part: &str, len: usize) -> Result<Tensor, LoadError> {
        let Stored { format, bytes, .. } = self.take(layer, part, &[len])?;
        let matrix = Matrix::new(format, 1, len, bytes);
        let matrix = matrix.ok_or_else(|| self.error(format!("the bytes of {part} are not those of [{len}]")))?;
        let mut weight = vec![0.0; len];
        matrix.dequantize_row(0, &mut weight);
        if self.naming.norms_lack_one() {
            weight.iter_mut().for_each(|weight| *weight += 1.0);
        }
        Tensor::from_vec(weight, len, &Device::Cpu).map_err(|error| self.error(error.to_string()))
    }

    /// Whether embeddings are scaled in the checkpoint's own precision, as the reference implementation of these files
    /// does, rather than in `f32` as llama.cpp does with GGUF files.
    pub(crate) fn scales_in_own_precision(&self) -> bool {
        self.naming.norms_lack_one()
    }

    /// Refuses tensors that nothing asked for: they mean that the architecture is not what the configuration says.
    pub(crate) fn finish(self) -> Result<(), LoadError> {
        match self.stored.keys().next() {
            None => Ok(()),
            Some(name) => {
                let what = format!(
                    "unknown tensor {name}, one of {} that no Gemma of this kind has",
                    self.stored.len()
                );
                Err(self.error(what))
            }
        }
    }
}

#[cfg(test)]
mod tests;
