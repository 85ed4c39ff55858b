//! A prompt as a person can read it: the whole text that the model sees, and what each part takes of it. Pure.
//!
//! It looks at the rendered tokens only: text never becomes a control token, so the control tokens are where the parts
//! meet.

use crate::encoded::Encoder;
use crate::prompt::{self, Rendered};
use crate::request::{FimPrompt, Prompt};
use crate::tokenizer::Tokenizer;

/// A prompt as the model sees it. Counts are in tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownPrompt {
    /// The whole text, control tokens by their names.
    pub text: String,
    /// The path of the file that is completed.
    pub path: usize,
    /// The text before the anchor.
    pub prefix: usize,
    /// The text after the cursor.
    pub suffix: usize,
    /// The text between anchor and cursor.
    pub typed: usize,
    /// The other files, in the prompt's order; `None` for one that is left out.
    pub files: Vec<Option<usize>>,
    /// What stands right before the cursor and is not in the text: the model is made to write it first.
    pub healed: String,
    /// At least how much of the caller's text is left out.
    pub truncated: usize,
}

impl Tokenizer {
    /// What a model with a context of `context_tokens` sees of a prompt that it is to continue by at most `max_tokens`.
    pub fn show(&self, prompt: &FimPrompt, context_tokens: usize, max_tokens: usize) -> ShownPrompt {
        let limit = context_tokens - prompt::reserved(context_tokens, max_tokens);
        let rendered = prompt::render(&Prompt::Fim(prompt.clone()), &mut Encoder::new(self), limit);
        let shown = ShownPrompt {
            text: self.spelled(&rendered.tokens),
            healed: String::from_utf8_lossy(&rendered.healed).into_owned(),
            truncated: rendered.truncated,
            files: vec![None; prompt.files.len()],
            ..ShownPrompt::default()
        };
        self.counted(shown, prompt, &rendered)
    }

    fn counted(&self, mut shown: ShownPrompt, prompt: &FimPrompt, rendered: &Rendered) -> ShownPrompt {
        let begin = self.begin_of_text();
        let mut rest = rendered.tokens.as_slice();
        rest = rest.strip_prefix(begin.as_slice()).unwrap_or(rest);
        let Some(fim) = self.control().fim else {
            shown.prefix = rest.len();
            return shown;
        };
        let mut until = |token: u32| {
            let end = rest.iter().position(|other| *other == token)?;
            let part = &rest[..end];
            rest = &rest[end + 1..];
            Some(part)
        };
        // Files that do not fit are left out from among the others, which keep their order.
        let mut next = 0;
        while let Some(part) = until(fim.file_separator) {
            let file = |file: &crate::PromptFile| self.encode(&prompt::file_text(file)) == part;
            let Some(at) = prompt.files[next..].iter().position(file) else {
                break;
            };
            shown.files[next + at] = Some(part.len() + 1);
            next += at + 1;
        }
        shown.path = until(fim.prefix).map_or(0, <[u32]>::len);
        shown.prefix = until(fim.suffix).map_or(0, <[u32]>::len);
        shown.suffix = until(fim.middle).map_or(0, <[u32]>::len);
        shown.typed = rest.len();
        shown
    }

    fn spelled(&self, tokens: &[u32]) -> String {
        let mut text = Vec::new();
        for token in tokens {
            match self.is_control(*token) {
                true => text.extend(self.piece(*token).unwrap_or_default().as_bytes()),
                false => text.extend(self.bytes(*token)),
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PromptFile;
    use crate::testing::tokenizer;

    fn prompt() -> FimPrompt {
        let file = |path: &str, text: &str| PromptFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        FimPrompt {
            path: Some("a".to_owned()),
            prefix: "before".to_owned(),
            typed: "x = y".to_owned(),
            suffix: "after".to_owned(),
            files: vec![file("b", "first file"), file("c", "2"), file("d", "<bos>")],
        }
    }

    #[test]
    fn every_part_is_counted() {
        let shown = tokenizer(true).show(&prompt(), 200, 8);
        assert_eq!(
            shown.text,
            "<bos>b\nfirst file<|file_separator|>c\n2<|file_separator|>d\n<bos><|file_separator|>a\n\
             <|fim_prefix|>before<|fim_suffix|>after<|fim_middle|>x = "
        );
        assert_eq!(shown.files, [Some(13), Some(4), Some(8)]);
        assert_eq!((shown.path, shown.prefix, shown.suffix, shown.typed), (2, 6, 5, 4));
        assert_eq!((shown.healed.as_str(), shown.truncated), ("y", 0));
    }

    #[test]
    fn what_is_left_out_is_none() {
        let shown = tokenizer(true).show(&prompt(), 48, 8);
        assert_eq!(shown.files, [None, Some(4), None]);
        assert_eq!(shown.truncated, 21);
    }

    #[test]
    fn a_model_that_does_not_fill_in_has_a_prefix_only() {
        let shown = tokenizer(false).show(&prompt(), 200, 8);
        assert_eq!(shown.text, "<bos>beforex = ");
        assert_eq!((shown.prefix, shown.typed), (10, 0));
        assert_eq!(shown.files, [None, None, None]);
    }
}
