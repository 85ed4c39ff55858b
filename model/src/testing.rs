//! Doubles for tests: a GGUF writer, a tokenizer of single characters and a model that follows a script.

use std::sync::{Arc, Mutex};

use crate::container::{Format, Gguf};
use crate::logits::Logits;
use crate::model::ModelInfo;
use crate::sequence::{LanguageModel, Paused};
use crate::tokenizer::Tokenizer;

/// Numbers from a splitmix64 generator, the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// A metadata value to write.
#[derive(Clone)]
pub(crate) enum Meta {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    Floats(Vec<f32>),
    Integers(Vec<i32>),
}

/// Writes GGUF version 3 files.
#[derive(Clone, Default)]
pub(crate) struct GgufWriter {
    pub(crate) metadata: Vec<(String, Meta)>,
    /// Name, shape with the outermost dimension first, format, bytes.
    pub(crate) tensors: Vec<(String, Vec<usize>, Format, Vec<u8>)>,
}

impl GgufWriter {
    /// Adds or replaces a key.
    pub(crate) fn set(&mut self, key: &str, value: Meta) {
        self.metadata.retain(|(known, _)| known != key);
        self.metadata.push((key.to_owned(), value));
    }

    /// Adds a tensor of zeros.
    pub(crate) fn zeros(&mut self, name: &str, shape: &[usize], format: Format) {
        let columns = *shape.last().expect("a dimension");
        let rows: usize = shape[..shape.len() - 1].iter().product();
        let bytes = vec![0; rows * format.row_bytes(columns).expect("whole blocks")];
        self.tensors.push((name.to_owned(), shape.to_vec(), format, bytes));
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            text(&mut out, key);
            value.write(&mut out);
        }
        let mut data = Vec::new();
        for (name, shape, format, bytes) in &self.tensors {
            text(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            shape
                .iter()
                .rev()
                .for_each(|size| out.extend((*size as u64).to_le_bytes()));
            out.extend(format.ggml_id().to_le_bytes());
            data.resize(data.len().next_multiple_of(32), 0);
            out.extend((data.len() as u64).to_le_bytes());
            data.extend(bytes);
        }
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(data);
        out
    }
}

impl Meta {
    fn write(&self, out: &mut Vec<u8>) {
        let mut array = |kind: u32, len: usize| {
            out.extend(9_u32.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend((len as u64).to_le_bytes());
        };
        match self {
            Self::U32(value) => {
                out.extend(4_u32.to_le_bytes());
                out.extend(value.to_le_bytes());
            }
            Self::F32(value) => {
                out.extend(6_u32.to_le_bytes());
                out.extend(value.to_le_bytes());
            }
            Self::Bool(value) => {
                out.extend(7_u32.to_le_bytes());
                out.push(u8::from(*value));
            }
            Self::Text(value) => {
                out.extend(8_u32.to_le_bytes());
                text(out, value);
            }
            Self::Texts(values) => {
                array(8, values.len());
                values.iter().for_each(|value| text(out, value));
            }
            Self::Floats(values) => {
                array(6, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            Self::Integers(values) => {
                array(5, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The control tokens of [`vocabulary`], by id.
pub(crate) const CONTROL: [&str; 10] = [
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|file_separator|>",
    "<start_of_turn>",
    "<end_of_turn>",
];

/// The pieces of a vocabulary: the control tokens (without those for fill in the middle where `fim` is false), the 256
/// bytes, a space, the printable ASCII characters, and `qz`.
pub(crate) fn pieces(fim: bool) -> Vec<String> {
    let mut pieces: Vec<String> = CONTROL.map(str::to_owned).to_vec();
    if !fim {
        (4..8).for_each(|id| pieces[id] = format!("<unused{id}>"));
    }
    pieces.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    pieces.push("▁".to_owned());
    pieces.extend((0x21..0x7f_u8).map(|byte| char::from(byte).to_string()));
    pieces.push("qz".to_owned());
    pieces
}

/// Adds the vocabulary of these [`pieces`] to a file.
pub(crate) fn vocabulary(gguf: &mut GgufWriter, fim: bool) {
    let pieces = pieces(fim);
    let mut kinds = vec![3; CONTROL.len()];
    kinds.resize(CONTROL.len() + 256, 6);
    kinds.resize(pieces.len(), 1);
    gguf.set("tokenizer.ggml.model", Meta::Text("llama".to_owned()));
    gguf.set("tokenizer.ggml.scores", Meta::Floats(vec![0.0; pieces.len()]));
    gguf.set("tokenizer.ggml.tokens", Meta::Texts(pieces));
    gguf.set("tokenizer.ggml.token_type", Meta::Integers(kinds));
    gguf.set("tokenizer.ggml.bos_token_id", Meta::U32(2));
    gguf.set("tokenizer.ggml.eos_token_id", Meta::U32(1));
    gguf.set("tokenizer.ggml.unknown_token_id", Meta::U32(3));
    gguf.set("tokenizer.ggml.add_bos_token", Meta::Bool(true));
    gguf.set("tokenizer.ggml.add_space_prefix", Meta::Bool(false));
}

/// A tokenizer with a token for each character, and one for `qz`.
pub(crate) fn tokenizer(fim: bool) -> Tokenizer {
    let mut gguf = GgufWriter::default();
    vocabulary(&mut gguf, fim);
    let bytes = gguf.bytes();
    let gguf = Gguf::parse(&bytes, bytes.len()).expect("the writer writes what the parser reads");
    Tokenizer::from_gguf(&gguf).expect("a vocabulary")
}

/// What a scripted model says it is.
pub(crate) fn info() -> ModelInfo {
    ModelInfo {
        name: "scripted".to_owned(),
        architecture: "gemma".to_owned(),
        quantization: "F32".to_owned(),
        context_tokens: 256,
        fill_in_the_middle: true,
    }
}

/// The next token after all tokens before it.
type Next = Box<dyn FnMut(&[u32]) -> u32 + Send>;

/// A model whose next token is a function of all tokens before it. It keeps a log of its forward passes.
pub(crate) struct ScriptedModel {
    next: Next,
    on_forward: Box<dyn FnMut(usize) + Send>,
    capacity: usize,
    /// The token with the next number is nearly as likely.
    doubts: bool,
    /// How many tokens each forward pass read.
    pub(crate) log: Arc<Mutex<Vec<usize>>>,
}

impl ScriptedModel {
    pub(crate) fn new(capacity: usize, next: impl FnMut(&[u32]) -> u32 + Send + 'static) -> Self {
        Self {
            next: Box::new(next),
            on_forward: Box::new(|_| ()),
            capacity,
            doubts: false,
            log: Arc::default(),
        }
    }

    /// A model of two minds: the token with the next number is nearly as likely.
    pub(crate) fn doubting(self) -> Self {
        Self { doubts: true, ..self }
    }

    /// Calls `hook` in every forward pass with the number of passes so far, this one included.
    pub(crate) fn on_forward(&mut self, hook: impl FnMut(usize) + Send + 'static) {
        self.on_forward = Box::new(hook);
    }

    /// A model that answers `text` after the token `after`, then ends.
    pub(crate) fn saying(text: &str, after: u32) -> Self {
        let script = tokenizer(true).encode(text);
        Self::new(256, move |held| {
            let begin = held
                .iter()
                .rposition(|token| *token == after)
                .map_or(held.len(), |at| at + 1);
            script.get(held.len() - begin).copied().unwrap_or(1)
        })
    }
}

impl ScriptedModel {
    fn read(&mut self, held: &mut Vec<u32>, tokens: &[u32]) {
        let forwards = {
            let mut log = self.log.lock().unwrap();
            log.push(tokens.len());
            log.len()
        };
        (self.on_forward)(forwards);
        held.extend_from_slice(tokens);
        assert!(held.len() <= self.capacity, "more tokens than fit");
    }

    /// The logits after some tokens.
    fn logits(&mut self, held: &[u32]) -> Vec<f32> {
        let mut logits = vec![0.0; 400];
        let next = (self.next)(held) as usize;
        logits[next] = 10.0;
        if self.doubts {
            logits[next + 1] = 8.0;
        }
        logits
    }
}

impl LanguageModel for ScriptedModel {
    type Cache = Vec<u32>;

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn token_bytes(&self) -> usize {
        1
    }

    fn new_cache(&self, _: usize) -> Result<Vec<u32>, String> {
        Ok(Vec::new())
    }

    fn fork(&self, held: &Vec<u32>, len: usize, room: usize) -> Result<Vec<u32>, String> {
        assert!(len <= room);
        Ok(held[..len].to_vec())
    }

    fn export(&self, held: &Vec<u32>, len: usize) -> Result<Vec<u8>, String> {
        Ok(held[..len].iter().map(|token| *token as u8).collect())
    }

    fn import(&self, bytes: &[u8], len: usize) -> Result<Vec<u32>, String> {
        assert_eq!(bytes.len(), len);
        Ok(bytes.iter().map(|byte| u32::from(*byte)).collect())
    }

    fn truncate(&self, held: &mut Vec<u32>, len: usize) {
        held.truncate(len);
    }

    fn forward_on(
        &mut self,
        held: &mut Vec<u32>,
        tokens: &[u32],
        wanted: usize,
        logits: &mut Logits,
        _: &mut Paused,
        _: &dyn Fn() -> bool,
    ) -> Result<bool, String> {
        self.read(held, tokens);
        let numbers = logits.refill(wanted);
        for len in held.len() - wanted..held.len() {
            numbers.extend(self.logits(&held[..=len]));
        }
        Ok(true)
    }

    fn forward_each(&mut self, rows: Vec<(&mut Vec<u32>, u32)>, logits: &mut Logits) -> Result<(), String> {
        self.log.lock().unwrap().push(rows.len());
        let numbers = logits.refill(rows.len());
        for (held, token) in rows {
            held.push(token);
            numbers.extend(self.logits(held));
        }
        Ok(())
    }
}
