//! Which engine the configuration asks for.
//!
//! It must not load one.

use codegemma_model::{Device, LoadOptions, ModelSource};

use super::{Effective, Origin};
use crate::models::path::{self, Given};
use crate::process::memory;

/// Which model to use and how to load it.
#[derive(Debug, Clone)]
pub(crate) struct EngineChoice {
    /// What the model is called, and by whom; `None` where nobody chose one.
    pub model: Option<(String, Origin)>,
    options: LoadOptions,
}

impl Effective {
    /// The engine that the values ask for.
    pub(crate) fn engine(&self) -> EngineChoice {
        let number = |name: &str| {
            self.value(name)
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
        };
        let model = self.get("model");
        let model = model.and_then(|setting| Some((setting.value.as_str()?.to_owned(), setting.origin.clone())));
        let cache = number("cacheMiB").unwrap_or_else(default_cache);
        EngineChoice {
            model,
            options: LoadOptions {
                device: match self.value("device").as_str() {
                    Some("cpu") => Device::Cpu,
                    _ => Device::Auto,
                },
                threads: number("threads"),
                cache_bytes: cache.checked_mul(1 << 20),
                context_tokens: number("contextTokens"),
                ..LoadOptions::default()
            },
        }
    }
}

impl EngineChoice {
    /// Whether it is the same engine, whoever chose it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let name = |choice: &Self| choice.model.as_ref().map(|(name, _)| name.clone());
        name(self) == name(other) && self.options == other.options
    }

    /// Where the model is read from. The message says who named it.
    pub(crate) fn source(&self) -> Result<ModelSource, String> {
        let Some((name, origin)) = &self.model else {
            return Ok(crate::models::starter::source());
        };
        let (folder, remedy) = match origin {
            Origin::UserFile(file, _) | Origin::WorkspaceFile(file, _) => (file.parent(), "check the path"),
            Origin::Client => (None, "check the client's setting codegemma.model"),
            _ => (None, "check --model or CODEGEMMA_MODEL"),
        };
        let given = Given { name, folder, remedy };
        path::resolve(&given).map_err(|message| self.blame(&message))
    }

    /// How to load it.
    pub(crate) fn load_options(&self) -> LoadOptions {
        self.options.clone()
    }

    /// A message about the model, with the line that names it where that is in a file.
    pub(crate) fn blame(&self, message: &str) -> String {
        match &self.model {
            Some((_, Origin::UserFile(file, line) | Origin::WorkspaceFile(file, line))) => {
                format!("{}:{line}: model: {message}", file.display())
            }
            _ => message.to_owned(),
        }
    }
}

fn default_cache() -> usize {
    usize::try_from(((memory::total() >> 20) / 8).clamp(256, 4096)).expect("4096 is a number everywhere")
}
