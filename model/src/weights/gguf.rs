//! Opens GGUF files: one, or the parts of a model that is in several.

use super::names::{self, Naming};
use super::{Stored, Tensors, Weights, file_name};
use crate::container::{Bytes, Files, Gguf, REMEDY, format, gguf, kind, split};
use crate::{LoadError, ModelSource, config, ops};

pub(super) fn open(source: &ModelSource) -> Result<Weights, LoadError> {
    let parts = split::parts(source)?;
    let files = parts.iter().map(Bytes::of).collect::<Result<Vec<_>, _>>()?;
    let mut headers = Vec::new();
    for (part, bytes) in parts.iter().zip(&files) {
        check_beginning(part, &bytes.beginning(kind::LOOKED_AT)?, bytes.size())?;
        headers.push(gguf::header(bytes)?);
    }
    let mut parsed = Vec::new();
    for ((part, bytes), header) in parts.iter().zip(&files).zip(&headers) {
        parsed.push(Gguf::parse(header, bytes.size()).map_err(|what| broken(part, what))?);
    }
    split::check(&parsed).map_err(|(at, what)| broken(&parts[at], what))?;
    let gguf = &parsed[0];
    let broken = |what: String| broken(&parts[0], what);
    check_kind(source, gguf)?;
    let config = config::from_gguf(gguf, vocabulary_size(gguf).map_err(broken)?).map_err(broken)?;
    let mut tensors = Tensors::new(source.clone(), Naming::Gguf);
    for (part, bytes) in parsed.iter().zip(&files) {
        check_frequencies(part, bytes).map_err(broken)?;
        for info in part.tensors.iter().filter(|info| !names::is_harmless(info.name)) {
            let stored = Stored {
                format: info.format,
                shape: info.shape.clone(),
                bytes: bytes.slice(info.range.clone()).expect("the parser checked the range"),
            };
            tensors.insert(info.name, stored)?;
        }
    }
    Ok(Weights {
        name: name(source, gguf).map_err(broken)?,
        quantization: gguf
            .unsigned("general.file_type")
            .map_err(broken)?
            .and_then(format::file_type_name),
        config,
        tensors,
        files: Files::of(&files),
    })
}

/// More factors of rotary frequencies than a head of any Gemma has pairs.
const MOST_FACTORS: usize = 4096;

/// Refuses factors of the rotary frequencies that change them: no Gemma that runs here was trained with any, and what
/// other programs do with them differs. Those that some converters write are all 1.
fn check_frequencies(gguf: &Gguf<'_>, bytes: &Bytes) -> Result<(), String> {
    let Some(tensor) = gguf.tensors.iter().find(|tensor| tensor.name == "rope_freqs.weight") else {
        return Ok(());
    };
    let numbers = tensor.shape.iter().product::<usize>();
    if numbers > MOST_FACTORS {
        return Err(format!(
            "tensor rope_freqs.weight has {numbers} numbers, expected one for each pair of a head"
        ));
    }
    let stored = bytes.slice(tensor.range.clone()).expect("the parser checked the range");
    let mut factors = vec![0.0; numbers];
    ops::dequantize(tensor.format, &stored, &mut factors);
    match factors.iter().find(|factor| **factor != 1.0) {
        None => Ok(()),
        Some(factor) => Err(format!(
            "tensor rope_freqs.weight divides rotary frequencies by {factor} and others, which no Gemma 1, 2 or 3 does"
        )),
    }
}

/// An error about a file's contents.
pub(crate) fn broken(source: &ModelSource, what: String) -> LoadError {
    match source {
        ModelSource::Path(path) if kind::is_unfinished(path) => {
            let what = format!("{what}, and its name says that its download is not complete");
            source.broken(what, "wait for it, or download the model again")
        }
        _ => source.broken(what, REMEDY),
    }
}

/// Refuses a file that does not begin as a GGUF file, and says what it is.
pub(crate) fn check_beginning(source: &ModelSource, beginning: &[u8], size: usize) -> Result<(), LoadError> {
    if beginning.starts_with(gguf::MAGIC) {
        return Ok(());
    }
    let (what, remedy) = kind::of_beginning(beginning, size);
    Err(source.broken(what, remedy))
}

/// Refuses a file of something else than a Gemma, and says what it is.
pub(crate) fn check_kind(source: &ModelSource, gguf: &Gguf<'_>) -> Result<(), LoadError> {
    let text = |key: &str| gguf.text(key).map_err(|what| broken(source, what));
    let architecture = text("general.architecture")?;
    let kind = text("general.type")?.filter(|kind| *kind != "model");
    if let Some(name) = architecture
        && (kind.is_some() || config::Architecture::of_gguf(name).is_none())
    {
        let (what, remedy) = kind::of_architecture(name, kind);
        return Err(source.broken(what, remedy));
    }
    Ok(())
}

/// How many pieces the vocabulary has.
pub(crate) fn vocabulary_size(gguf: &Gguf<'_>) -> Result<usize, String> {
    Ok(gguf.array("tokenizer.ggml.tokens")?.map_or(0, |tokens| tokens.len()))
}

/// The name that the file gives itself, else its own.
pub(crate) fn name(source: &ModelSource, gguf: &Gguf<'_>) -> Result<String, String> {
    let name = gguf.text("general.name")?.filter(|name| !name.is_empty());
    let own_name = || match source {
        ModelSource::Path(path) => file_name(path),
        ModelSource::Embedded(embedded) => embedded.name.to_owned(),
    };
    Ok(name.map_or_else(own_name, str::to_owned))
}
