//! Where the stores are, by the rules of the programs that they belong to.
//!
//! It must not look into them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use codegemma_model::plain_file;

use crate::models::path;

/// More of a program's settings is not looked at.
const MOST_SETTINGS_BYTES: u64 = 1 << 20;

/// The folders of each kind of store. They need not be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(super) own: Vec<PathBuf>,
    pub(super) hub: Vec<PathBuf>,
    pub(super) ollama: Vec<PathBuf>,
    pub(super) llama_cpp: Vec<PathBuf>,
    pub(super) lm_studio: Vec<PathBuf>,
}

impl Places {
    /// Those of whoever runs this program.
    pub(crate) fn of_this_user() -> Self {
        let own = path::cache_folder().map(|folder| folder.join("models"));
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let others = dirs::home_dir().map(|home| Self::of(&home, &variable));
        Self {
            own: own.into_iter().collect(),
            ..others.unwrap_or_default()
        }
    }

    /// Those of other programs, for a home folder and an environment.
    pub(super) fn of(home: &Path, variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name: &str| variable(name).map(PathBuf::from);
        let cache = folder("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache"));
        let hub = folder("HF_HUB_CACHE")
            .or_else(|| folder("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| folder("HF_HOME").map(|home| home.join("hub")))
            .unwrap_or_else(|| cache.join("huggingface").join("hub"));
        let llama_cpp = folder("LLAMA_CACHE").unwrap_or_else(|| match std::env::consts::OS {
            "macos" => home.join("Library/Caches/llama.cpp"),
            "windows" => folder("LOCALAPPDATA")
                .unwrap_or_else(|| cache.clone())
                .join("llama.cpp"),
            _ => cache.join("llama.cpp"),
        });
        // The service of the system has a store of its own, whose place is not in the user's environment.
        let ollama = [
            folder("OLLAMA_MODELS"),
            Some(home.join(".ollama/models")),
            Some(PathBuf::from("/usr/share/ollama/.ollama/models")),
        ];
        let mut ollama: Vec<PathBuf> = ollama.into_iter().flatten().collect();
        ollama.dedup();
        Self {
            own: Vec::new(),
            hub: vec![hub],
            ollama,
            llama_cpp: vec![llama_cpp],
            lm_studio: lm_studio(home),
        }
    }
}

/// The program's folder is the one that a file in the home folder names, or one of two; its models may be elsewhere.
fn lm_studio(home: &Path) -> Vec<PathBuf> {
    let text = |path: &Path| {
        let bytes = plain_file::read(path, MOST_SETTINGS_BYTES).ok()?;
        String::from_utf8(bytes).ok()
    };
    let pointed = text(&home.join(".lmstudio-home-pointer")).map(|text| PathBuf::from(text.trim()));
    let usual = [home.join(".cache/lm-studio"), home.join(".lmstudio")];
    let mut folders = Vec::new();
    for program in pointed.into_iter().filter(|path| path.is_absolute()).chain(usual) {
        let settings = text(&program.join("settings.json"));
        let settings = settings.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        let moved = settings.and_then(|settings| Some(PathBuf::from(settings.get("downloadsFolder")?.as_str()?)));
        folders.extend(moved.filter(|path| path.is_absolute()));
        folders.push(program.join("models"));
    }
    folders.dedup();
    folders
}
