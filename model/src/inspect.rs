//! What a model is, from the headers of its files alone: no weight is read, and of a vocabulary only the beginning, where
//! Gemma's control tokens are. Takes about a millisecond, so that many models can be listed.
//!
//! Must not know how it is shown.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::ModelConfig;
use crate::container::{Format, Gguf, Input, Skimmed, format, kind, split};
use crate::tokenizer::{ControlTokens, Tokenizer};
use crate::weights::{self, gguf, safetensors};
use crate::{LoadError, ModelSource, model, plain_file};

/// How much of a `tokenizer.json` is read: Gemma 3's list of added tokens has more than a MiB.
const TOKENIZER_BYTES: usize = 4 << 20;

/// More of a `tokenizer_config.json` is not looked at.
const MOST_SETTINGS_BYTES: u64 = 16 << 20;

/// What a model is. Numbers are of its text part.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Inspection {
    /// The model's own name for itself, or its file's.
    pub name: String,
    /// `gemma`, `gemma2`, `gemma3`.
    pub architecture: String,
    /// How many numbers the weights are.
    pub parameters: u64,
    /// The mixture of formats as the file names it (`Q4_K_M`), else the format of most numbers (`BF16`).
    pub quantization: String,
    /// The size of the files.
    pub bytes: u64,
    /// How many files they are.
    pub files: usize,
    /// Whether it was trained to fill in the middle.
    pub fill_in_the_middle: bool,
    /// Whether it was trained to follow instructions, by its name or because it has a template for conversations.
    pub instruction_tuned: bool,
    /// Whether it was trained on images, too; only its text part runs.
    pub images: bool,
    /// How many layers it has.
    pub layers: usize,
    /// How wide they are.
    pub hidden_size: usize,
    /// How wide their feed-forward blocks are.
    pub feed_forward: usize,
    /// Attention heads.
    pub heads: usize,
    /// Heads of keys and values.
    pub key_value_heads: usize,
    /// How wide a head is.
    pub head_size: usize,
    /// How many positions the layers with a window see, and how many layers these are.
    pub window: Option<(usize, usize)>,
    /// Base and linear factor of each rotary embedding.
    pub rope: Vec<(f64, f64)>,
    /// The longest sequence that it was trained for.
    pub trained_context: usize,
    /// How many tokens there are.
    pub vocabulary: usize,
    /// `SentencePiece`, or `BPE` of a `tokenizer.json`.
    pub tokenizer: &'static str,
    /// The control tokens that have a role, with their ids.
    pub control_tokens: Vec<(&'static str, u32)>,
    /// How many tensors are stored in which format, and their bytes.
    pub formats: Vec<(&'static str, usize, u64)>,
    /// The bytes of weights that a decoded token is multiplied with.
    pub weight_bytes: u64,
    /// How many bytes the keys and values of a token take.
    pub token_bytes: u64,
    /// Each tensor of the text part.
    #[serde(skip)]
    pub tensors: Vec<InspectedTensor>,
}

/// A tensor as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InspectedTensor {
    /// Its name in the file.
    pub name: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// The format's name.
    pub format: &'static str,
    /// Bytes as stored.
    pub bytes: u64,
}

impl Inspection {
    /// The context that a request has at most where nothing else is chosen.
    pub fn usual_context(&self) -> usize {
        model::DEFAULT_CONTEXT.min(self.trained_context)
    }

    /// The memory that it needs at a context of so many tokens: weights, which are mapped and shared with the system's
    /// cache of files, and keys and values, which are not.
    pub fn memory_bytes(&self, context: usize) -> u64 {
        self.bytes
            .saturating_add(self.token_bytes.saturating_mul(context as u64))
    }

    /// About how many tokens a second are decoded where so many bytes a second are read from memory: each needs all
    /// weights once.
    pub fn tokens_per_second(&self, bandwidth: f64) -> f64 {
        bandwidth / self.weight_bytes.max(1) as f64
    }
}

/// Looks at a model. What does not run here is an error, which says what it is.
pub fn inspect(source: &ModelSource) -> Result<Inspection, LoadError> {
    match source {
        ModelSource::Path(path) if path.is_dir() => of_folder(path),
        _ => of_gguf(source),
    }
}

/// A file's header, and how long the file is.
fn skim(source: &ModelSource) -> Result<(Skimmed, u64), LoadError> {
    let read = |input: Input<'_>, beginning: &[u8], len: u64| {
        let size = usize::try_from(len).unwrap_or(usize::MAX);
        gguf::check_beginning(source, beginning, size)?;
        // Where it cannot be skimmed, the whole is parsed, for the error that this gives.
        Skimmed::read(input).ok_or_else(|| match weights::Weights::open(source) {
            Err(error) => error,
            Ok(_) => gguf::broken(source, "its header does not read as one".to_owned()),
        })
    };
    match source {
        ModelSource::Embedded(embedded) => {
            let (bytes, len) = (embedded.bytes, embedded.bytes.len() as u64);
            Ok((
                read(Input::Bytes(bytes), &bytes[..bytes.len().min(kind::LOOKED_AT)], len)?,
                len,
            ))
        }
        ModelSource::Path(path) => {
            let failed = |error: plain_file::FileError| {
                LoadError::new(path, error.to_string(), "check the path and its permissions")
            };
            let (file, metadata) = plain_file::open(path).map_err(failed)?;
            let mut beginning =
                vec![0; usize::try_from(metadata.len()).map_or(kind::LOOKED_AT, |len| len.min(kind::LOOKED_AT))];
            plain_file::read_at(&file, 0, &mut beginning).map_err(|error| failed(error.into()))?;
            Ok((read(Input::File(&file), &beginning, metadata.len())?, metadata.len()))
        }
    }
}

fn of_gguf(source: &ModelSource) -> Result<Inspection, LoadError> {
    let parts = split::parts(source)?;
    let skimmed = parts.iter().map(skim).collect::<Result<Vec<_>, _>>()?;
    let parsed = skimmed
        .iter()
        .zip(&parts)
        .map(|((skimmed, _), part)| skimmed.parse().map_err(|what| gguf::broken(part, what)));
    let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
    split::check(&parsed).map_err(|(at, what)| gguf::broken(&parts[at], what))?;
    let main = &parsed[0];
    gguf::check_kind(source, main)?;
    let bytes = skimmed.iter().map(|(_, len)| len).sum();
    describe_gguf(source, &parsed, bytes).map_err(|what| gguf::broken(source, what))
}

fn describe_gguf(source: &ModelSource, parts: &[Gguf<'_>], bytes: u64) -> Result<Inspection, String> {
    let main = &parts[0];
    let vocabulary = gguf::vocabulary_size(main)?;
    let config = crate::config::from_gguf(main, vocabulary)?;
    let name = gguf::name(source, main)?;
    let control = Tokenizer::control_in_gguf(main)?;
    let tuning = main.text("general.finetune")?.unwrap_or_default();
    let file = match source {
        ModelSource::Path(path) => weights::file_name(path),
        ModelSource::Embedded(_) => String::new(),
    };
    let has_template = main.text("tokenizer.chat_template")?.is_some();
    let tensors = parts.iter().flat_map(|part| &part.tensors);
    let images = tensors.clone().any(|tensor| weights::is_of_images(tensor.name));
    let tensors = tensors
        .filter(|tensor| !weights::is_harmless(tensor.name))
        .map(|tensor| {
            (
                tensor.name.to_owned(),
                tensor.shape.clone(),
                tensor.format,
                tensor.range.len() as u64,
            )
        });
    let mixture = main.unsigned("general.file_type")?.and_then(format::file_type_name);
    Ok(Inspection {
        instruction_tuned: is_tuned(&[tuning, &file, &name], has_template),
        images,
        files: parts.len(),
        tokenizer: "SentencePiece",
        vocabulary,
        bytes,
        ..describe(name, &config, control, tensors.collect(), mixture)
    })
}

fn of_folder(folder: &Path) -> Result<Inspection, LoadError> {
    let config = safetensors::config(folder)?;
    let files = safetensors::headers(folder)?;
    let mut tensors = Vec::new();
    let mut images = false;
    for (header, _, path) in &files {
        for (name, info) in header.tensors() {
            images |= weights::is_of_images(&name);
            if !weights::is_harmless(&name) {
                let format = safetensors::format(&name, info, path)?;
                let (start, end) = info.data_offsets;
                tensors.push((name, info.shape.clone(), format, (end - start) as u64));
            }
        }
    }
    let name = weights::file_name(folder);
    let settings = plain_file::read(&folder.join("tokenizer_config.json"), MOST_SETTINGS_BYTES).unwrap_or_default();
    let key = b"\"chat_template\"";
    let has_template =
        folder.join("chat_template.jinja").exists() || settings.windows(key.len()).any(|window| window == key);
    let control = Tokenizer::control_in_json(&tokenizer_beginning(folder));
    Ok(Inspection {
        instruction_tuned: is_tuned(&[&name], has_template),
        images,
        files: files.len(),
        tokenizer: "BPE",
        vocabulary: config.vocab_size,
        bytes: files.iter().map(|(_, bytes, _)| bytes.size() as u64).sum(),
        ..describe(name, &config, control, tensors, None)
    })
}

/// The beginning of a folder's `tokenizer.json`; nothing where there is none.
fn tokenizer_beginning(folder: &Path) -> Vec<u8> {
    let Ok((file, metadata)) = plain_file::open(&folder.join("tokenizer.json")) else {
        return Vec::new();
    };
    let mut beginning =
        vec![0; usize::try_from(metadata.len()).map_or(TOKENIZER_BYTES, |len| len.min(TOKENIZER_BYTES))];
    match plain_file::read_at(&file, 0, &mut beginning) {
        Ok(()) => beginning,
        Err(_) => Vec::new(),
    }
}

/// A tensor's name, shape, format and bytes.
type Listed = (String, Vec<usize>, Format, u64);

/// What follows from configuration and tensors; the caller knows the rest.
fn describe(
    name: String,
    config: &ModelConfig,
    control: ControlTokens,
    tensors: Vec<Listed>,
    mixture: Option<&str>,
) -> Inspection {
    let mut formats = BTreeMap::<Format, (usize, u64)>::new();
    let (mut parameters, mut weight_bytes, mut most) = (0_u64, 0, BTreeMap::<Format, u64>::new());
    let mut embedding = None;
    for (name, shape, format, bytes) in &tensors {
        let numbers = shape
            .iter()
            .fold(1_u64, |numbers, size| numbers.saturating_mul(*size as u64));
        let (count, total) = formats.entry(*format).or_default();
        (*count, *total) = (*count + 1, *total + bytes);
        parameters = parameters.saturating_add(numbers);
        let is_embedding = name.contains("token_embd") || name.contains("embed_tokens");
        if shape.len() == 2 {
            weight_bytes += bytes;
        }
        if is_embedding {
            embedding = Some(*format);
        } else if shape.len() == 2 {
            *most.entry(*format).or_default() += numbers;
        }
    }
    let most = most
        .into_iter()
        .max_by_key(|(_, numbers)| *numbers)
        .map(|(format, _)| format);
    let quantization = mixture.or(most.or(embedding).map(Format::name)).unwrap_or("none");
    let number_bytes = if embedding == Some(Format::F32) { 4 } else { 2 };
    let mut rope: Vec<(f64, f64)> = Vec::new();
    for layer in &config.layers {
        let one = (layer.rope.base, layer.rope.factor);
        if !rope.contains(&one) {
            rope.push(one);
        }
    }
    let windows: Vec<usize> = config.layers.iter().filter_map(|layer| layer.window).collect();
    Inspection {
        name,
        architecture: config.architecture.name().to_owned(),
        parameters,
        quantization: quantization.to_owned(),
        bytes: 0,
        files: 0,
        fill_in_the_middle: control.fim.is_some(),
        instruction_tuned: false,
        images: false,
        layers: config.layers.len(),
        hidden_size: config.hidden_size,
        feed_forward: config.intermediate_size,
        heads: config.heads,
        key_value_heads: config.kv_heads,
        head_size: config.head_dim,
        window: windows.first().map(|window| (*window, windows.len())),
        rope,
        trained_context: config.trained_context,
        vocabulary: config.vocab_size,
        tokenizer: "",
        control_tokens: control.roles().collect(),
        formats: formats
            .into_iter()
            .map(|(format, (count, bytes))| (format.name(), count, bytes))
            .collect(),
        weight_bytes,
        token_bytes: 2 * (config.layers.len() * config.kv_heads * config.head_dim) as u64 * number_bytes,
        tensors: tensors
            .into_iter()
            .map(|(name, shape, format, bytes)| InspectedTensor {
                name,
                shape,
                format: format.name(),
                bytes,
            })
            .collect(),
    }
}

/// Whether a model follows instructions, by words of its names, the first that says something, else by whether there is a
/// template.
fn is_tuned(names: &[&str], has_template: bool) -> bool {
    let words = names.iter().flat_map(|name| name.split(|c: char| !c.is_alphanumeric()));
    let said = words.map(str::to_lowercase).find_map(|word| match word.as_str() {
        "it" | "instruct" | "chat" => Some(true),
        "pt" | "base" => Some(false),
        _ => None,
    });
    said.unwrap_or(has_template)
}

#[cfg(test)]
mod tests;
