//! The one sequence of tokens whose keys and values are held, and how much of it a new prompt can reuse.

/// What generation needs of a model: a sequence that grows by forward passes and shrinks by truncation.
pub(crate) trait LanguageModel: Send {
    /// The longest sequence, in tokens.
    fn capacity(&self) -> usize;

    /// Forgets all but the first `len` tokens.
    fn truncate(&mut self, len: usize);

    /// Reads tokens after those that are held; gives the logits after the last of them where they are wanted. An error
    /// leaves what is held as it was.
    fn forward(&mut self, tokens: &[u32], want_logits: bool) -> Result<Option<Vec<f32>>, String>;

    /// Like [`LanguageModel::forward`], with the logits after each token.
    fn forward_all(&mut self, tokens: &[u32]) -> Result<Vec<Vec<f32>>, String>;
}

/// A model with the tokens that it holds. The list is exactly as long as the keys and values: only tokens that went
/// through a forward pass are on it.
pub(crate) struct Sequence {
    model: Box<dyn LanguageModel>,
    tokens: Vec<u32>,
}

impl Sequence {
    /// An empty sequence.
    pub(crate) fn new(model: Box<dyn LanguageModel>) -> Self {
        Self {
            model,
            tokens: Vec::new(),
        }
    }

    /// The longest sequence, in tokens.
    pub(crate) fn capacity(&self) -> usize {
        self.model.capacity()
    }

    /// How many more tokens fit.
    pub(crate) fn room(&self) -> usize {
        self.capacity() - self.tokens.len()
    }

    /// Keeps what `prompt` begins with, all but its last token at the most, since that one's logits are wanted. Gives
    /// how many tokens were kept.
    pub(crate) fn keep_common(&mut self, prompt: &[u32]) -> usize {
        let common = self
            .tokens
            .iter()
            .zip(prompt)
            .take_while(|(held, wanted)| held == wanted)
            .count();
        let keep = common.min(prompt.len().saturating_sub(1));
        self.truncate(keep);
        keep
    }

    /// Forgets everything, after a failure that may have left the model's state unknown.
    pub(crate) fn clear(&mut self) {
        self.truncate(0);
    }

    fn truncate(&mut self, len: usize) {
        self.model.truncate(len);
        self.tokens.truncate(len);
    }

    /// Reads tokens and holds them; the logits after the last where they are wanted.
    pub(crate) fn forward(&mut self, tokens: &[u32], want_logits: bool) -> Result<Option<Vec<f32>>, String> {
        let logits = self.model.forward(tokens, want_logits)?;
        self.tokens.extend_from_slice(tokens);
        Ok(logits)
    }

    /// Reads tokens and holds them; the logits after each.
    pub(crate) fn forward_all(&mut self, tokens: &[u32]) -> Result<Vec<Vec<f32>>, String> {
        let logits = self.model.forward_all(tokens)?;
        self.tokens.extend_from_slice(tokens);
        Ok(logits)
    }
}
