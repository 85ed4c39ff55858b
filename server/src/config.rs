//! The flags that both binaries share: which model, and where it runs.
//!
//! It must not know what is done with the model.

use codegemma_model::{Device, LoadOptions, ModelSource};

use crate::model_path;

/// Which model to use and where to run it.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineFlags {
    /// A known name (starter, gemma-3-270m), a .gguf file, or a folder with config.json, safetensors and tokenizer.json;
    /// by default the starter, a small model inside this program
    #[arg(long, value_name = "NAME|PATH", env = "CODEGEMMA_MODEL")]
    model: Option<String>,

    /// Where the model runs: auto or cpu
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = parse_device)]
    device: Device,

    /// How many layers run on the GPU; this build has no GPU support, so only 0 is accepted
    #[arg(long, value_name = "N", value_parser = parse_gpu_layers)]
    gpu_layers: Option<u32>,

    /// How many threads compute; by default one a core, less one where there are more than two
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    threads: Option<usize>,

    /// How much memory the places that were completed last may keep, so that going back to one reads nothing again, in
    /// MiB; by default an eighth of the memory, from 256 to 4096
    #[arg(long, value_name = "MIB", value_parser = parse_cache)]
    cache_mib: Option<u64>,
}

impl EngineFlags {
    /// Where the model is read from.
    pub fn model_source(&self) -> Result<ModelSource, String> {
        model_path::resolve(self.model.as_deref())
    }

    /// Whether a model was chosen, be it the starter.
    pub fn names_a_model(&self) -> bool {
        self.model.as_deref().is_some_and(|model| !model.is_empty())
    }

    /// The same flags as arguments, for another program of this project. The devices are left out: all that is accepted
    /// is the processor.
    pub fn arguments(&self) -> Vec<String> {
        let threads = self.threads.map(|threads| threads.to_string());
        let cache = self.cache_mib.map(|cache| cache.to_string());
        [
            ("--model", self.model.clone()),
            ("--threads", threads),
            ("--cache-mib", cache),
        ]
        .into_iter()
        .filter_map(|(flag, value)| Some([flag.to_owned(), value?]))
        .flatten()
        .collect()
    }

    /// How to load it.
    pub fn load_options(&self) -> LoadOptions {
        LoadOptions {
            device: self.device,
            threads: self.threads,
            cache_bytes: usize::try_from(self.cache_mib.unwrap_or_else(default_cache) << 20).ok(),
            ..LoadOptions::default()
        }
    }
}

/// The machine's memory, in MiB.
fn memory() -> u64 {
    let only = sysinfo::RefreshKind::nothing().with_memory(sysinfo::MemoryRefreshKind::nothing().with_ram());
    sysinfo::System::new_with_specifics(only).total_memory() >> 20
}

fn default_cache() -> u64 {
    (memory() / 8).clamp(256, 4096)
}

fn parse_cache(number: &str) -> Result<u64, String> {
    let number = number.parse().map_err(|_| "expected a number of MiB")?;
    match memory() {
        memory if number > memory && memory > 0 => Err(format!("this machine has {memory} MiB of memory; name less")),
        _ => Ok(number),
    }
}

fn parse_device(name: &str) -> Result<Device, String> {
    match name.split_once(':').map_or(name, |(kind, _)| kind) {
        "auto" => Ok(Device::Auto),
        "cpu" => Ok(Device::Cpu),
        "cuda" | "metal" => Err("this build runs on the processor only; use auto or cpu".to_owned()),
        _ => Err("there is no such device; use auto or cpu".to_owned()),
    }
}

fn parse_gpu_layers(number: &str) -> Result<u32, String> {
    match number.parse() {
        Ok(0) => Ok(0),
        Ok(_) => Err("this build runs on the processor only; use 0 or leave the flag out".to_owned()),
        Err(_) => Err("expected a number".to_owned()),
    }
}

fn parse_threads(number: &str) -> Result<usize, String> {
    match number.parse() {
        Ok(threads) if threads > 0 => Ok(threads),
        _ => Err("expected a number above 0".to_owned()),
    }
}
