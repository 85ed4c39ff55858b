//! Weights as they lie on disk: one store of named, shape-checked, memory-mapped tensors, whether they come from a GGUF
//! file or from a Hugging Face folder.
//!
//! Must not know what the tensors are for, beyond the table of their names.

pub(crate) mod gguf;
mod names;
pub(crate) mod safetensors;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use crate::config::ModelConfig;
use crate::container::{Bytes, Files, Format, REMEDY};
use crate::ops::Matrix;
use crate::{LoadError, ModelSource};
use names::Naming;
pub(crate) use names::{is_harmless, is_of_images};

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
            _ => gguf::open(source),
        }
    }
}

/// A path's last part for people to read.
pub(crate) fn file_name(path: &Path) -> String {
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

/// A tensor as it is stored.
pub(crate) struct ListedTensor {
    /// Its GGUF name.
    pub(crate) name: String,
    pub(crate) format: Format,
    /// Outermost dimension first.
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Bytes,
    /// Whether it is the difference from 1 of what GGUF files have.
    pub(crate) lacks_one: bool,
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

    /// All that are left, by their GGUF names.
    pub(crate) fn into_list(self) -> Vec<ListedTensor> {
        let Self { naming, stored, .. } = self;
        let list = stored
            .into_iter()
            .map(|(name, Stored { format, shape, bytes })| ListedTensor {
                name: naming.gguf_name(&name).unwrap_or(name),
                lacks_one: naming.norms_lack_one() && shape.len() == 1,
                format,
                shape,
                bytes,
            });
        list.collect()
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
