//! The flags that both binaries share: which model, where it runs, and whether files are read.
//!
//! It must not know what is done with the model.

use std::path::PathBuf;

use serde_json::Value;

use super::{Config, Layer, Origin, keys};
use crate::process::memory;

/// The environment variable that names a model.
const MODEL_VARIABLE: &str = "CODEGEMMA_MODEL";

/// Which model to use and where to run it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EngineFlags {
    #[arg(short, long, value_name = "NAME|PATH", help = help("model") + " [env: CODEGEMMA_MODEL]", value_parser = parse_model)]
    model: Option<String>,

    #[arg(long, value_name = "DEVICE", help = help("device"), value_parser = parser("device"))]
    device: Option<Value>,

    #[arg(long, value_name = "N", allow_negative_numbers = true, help = help("gpuLayers"), value_parser = parser("gpuLayers"))]
    gpu_layers: Option<Value>,

    #[arg(long, value_name = "N", allow_negative_numbers = true, help = help("threads"), value_parser = parser("threads"))]
    threads: Option<Value>,

    #[arg(long, value_name = "MIB", allow_negative_numbers = true, help = help("cacheMiB"), value_parser = parse_cache)]
    cache_mib: Option<Value>,

    #[arg(long, value_name = "N", allow_negative_numbers = true, help = help("contextTokens"), value_parser = parser("contextTokens"))]
    context_tokens: Option<Value>,

    /// Read no codegemma.toml
    #[arg(long)]
    no_config: bool,
}

impl EngineFlags {
    /// What the flags and the environment set.
    fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        // A variable that is set to nothing is one that is not set, as elsewhere.
        let variable = std::env::var(MODEL_VARIABLE)
            .ok()
            .filter(|model| !model.trim().is_empty());
        if let Some(model) = variable {
            layer.set("model", model.into(), Origin::Variable(MODEL_VARIABLE));
        }
        let flags = [
            ("model", self.model.clone().map(Value::from)),
            ("device", self.device.clone()),
            ("gpuLayers", self.gpu_layers.clone()),
            ("threads", self.threads.clone()),
            ("cacheMiB", self.cache_mib.clone()),
            ("contextTokens", self.context_tokens.clone()),
        ];
        for (name, value) in flags {
            if let Some(value) = value {
                layer.set_by_flag(name, value);
            }
        }
        layer
    }

    /// What they and, unless they forbid it, the files of the user and of the workspaces with these roots set.
    pub(crate) fn config(&self, roots: &[PathBuf]) -> Config {
        let config = Config::new(self.layer());
        if self.no_config {
            config
        } else {
            config.with_files(roots)
        }
    }

    /// These flags as arguments, for another program of this project, which has the same environment.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let set = self.layer().0.into_values().filter_map(|setting| match setting.origin {
            Origin::Flag(flag) => Some([flag.to_owned(), plain(&setting.value)]),
            _ => None,
        });
        let files = self.no_config.then(|| "--no-config".to_owned());
        set.flatten().chain(files).collect()
    }
}

impl Layer {
    /// Sets what a flag says.
    pub(crate) fn set_by_flag(&mut self, name: &str, value: Value) {
        let flag = keys::key(name).flag.expect("a key that has a flag");
        self.set(name, value, Origin::Flag(flag));
    }
}

/// A value as it is written on the command line.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a flag does, and what holds without it.
fn help(name: &str) -> String {
    let key = keys::key(name);
    let mut help = key.help.to_owned();
    help[..1].make_ascii_uppercase();
    format!("{help}; by default {}", key.default.to_string().trim_matches('"'))
}

/// Reads a flag's value by the rules of its key.
fn parser(name: &'static str) -> impl Fn(&str) -> Result<Value, String> + Clone {
    let key = keys::key(name);
    move |text| key.parse(text).map_err(|expected| format!("{expected} ({})", key.help))
}

/// A flag that says nothing is a mistake, such as a shell's variable that is not set.
fn parse_model(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => {
            Err("it is empty; name a model, a .gguf file or a folder, or leave --model out for the starter".to_owned())
        }
        false => Ok(text.to_owned()),
    }
}

/// What this machine does not have is refused with what it has.
fn parse_cache(text: &str) -> Result<Value, String> {
    match memory::total() >> 20 {
        total if total > 0 && text.parse::<u64>().is_ok_and(|asked| asked > total) => {
            Err(format!("this machine has {total} MiB of memory; name less"))
        }
        _ => parser("cacheMiB")(text),
    }
}
