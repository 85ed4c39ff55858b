//! What a hub or registry has of what is wanted: the files, how they are known, and where they belong.
//!
//! It asks the network. It must not know how bytes come.

use std::path::{Path, PathBuf};

use codegemma_hub::{
    Digest, Endpoint, FileName, Hub, HubCache, HubToken, OllamaName, OllamaRegistry, RepositoryName, Revision, Url,
    WebClient,
};

use super::wanted::Wanted;
use super::{choice, failure};
use crate::cli::Failure;
use crate::models::known::{GEMMA_TERMS, KnownModel};
use crate::models::pulled::{self, PulledFile};

const HUGGING_FACE: &str = "https://huggingface.co";
const OLLAMA: &str = "https://registry.ollama.ai";

/// A model that can come.
pub(super) struct Offer {
    /// What it is called from then on.
    pub(super) name: String,
    /// Where it is from and under which terms, for people.
    pub(super) source: String,
    pub(super) licence: String,
    /// The one that is loaded is the first.
    pub(super) files: Vec<OfferedFile>,
    /// Where it goes.
    pub(super) folder: PathBuf,
    pub(super) token: Option<HubToken>,
    /// Where it goes in the hub's cache.
    stored: Option<Stored>,
}

/// One of its files.
pub(super) struct OfferedFile {
    pub(super) url: Url,
    pub(super) bytes: u64,
    pub(super) etag: String,
    pub(super) digest: Option<Digest>,
    /// Where its bytes go.
    pub(super) target: PathBuf,
    pub(super) lock: PathBuf,
    /// Its name in the repository.
    name: Option<FileName>,
}

struct Stored {
    cache: HubCache,
    repository: RepositoryName,
    revision: Revision,
    commit: String,
}

impl Offer {
    pub(super) fn of(wanted: &Wanted, client: &WebClient) -> Result<Self, Failure> {
        match wanted {
            Wanted::Known(known) => {
                let repository = RepositoryName::new(known.repository).map_err(failure)?;
                let file = known.file.map(FileName::new).transpose().map_err(failure)?;
                let revision = known.revision.map(Revision::new).transpose().map_err(failure)?;
                let mut offer = Self::of_hub(&repository, file.as_ref(), revision, client)?;
                offer.check_known(known)?;
                offer.name = known.to_string();
                offer.licence = GEMMA_TERMS.to_owned();
                Ok(offer)
            }
            Wanted::Hub {
                repository,
                file,
                revision,
            } => Self::of_hub(repository, file.as_ref(), revision.clone(), client),
            Wanted::Ollama(name) => Self::of_ollama(name, client),
        }
    }

    fn of_hub(
        repository: &RepositoryName,
        file: Option<&FileName>,
        revision: Option<Revision>,
        client: &WebClient,
    ) -> Result<Self, Failure> {
        let endpoint = Endpoint::from_environment("HF_ENDPOINT", HUGGING_FACE).map_err(failure)?;
        let cache = HubCache::from_environment().map_err(failure)?;
        check_online()?;
        let token = HubToken::find(endpoint.url(), cache.home()).map_err(failure)?;
        let hub = Hub {
            client,
            endpoint: &endpoint,
            token: token.as_ref(),
        };
        let mut at = match revision.clone() {
            Some(revision) => revision,
            None => Revision::new("main").map_err(failure)?,
        };
        let wanted_at = at.clone();
        let listed = || hub.list(repository, &wanted_at).map_err(failure);
        let names = match file {
            Some(file) if choice::is_part(file) => choice::with_parts(file, &listed()?),
            Some(file) => Ok(vec![file.clone()]),
            None => choice::choose(&listed()?),
        };
        let names = names.map_err(|what| Failure::Message(format!("{repository} {what}")))?;
        let mut files = Vec::new();
        let mut commit = String::new();
        for name in names {
            let found = hub.find(repository, &at, &name).map_err(failure)?;
            // All are of one commit, whatever is pushed meanwhile.
            at = Revision::new(&found.commit).map_err(failure)?;
            commit = found.commit;
            files.push(OfferedFile {
                url: found.url,
                bytes: found.bytes,
                target: cache.blob(repository, &found.etag),
                lock: cache.lock(repository, &found.etag),
                etag: found.etag,
                digest: found.digest,
                name: Some(found.name),
            });
        }
        let mut name = format!("hf:{repository}");
        if let [only] = files.as_slice()
            && let Some(file) = &only.name
        {
            name = format!("{name}/{file}");
        } else if let Some(file) = file {
            name = format!("{name}/{file}");
        }
        if let Some(revision) = &revision {
            name = format!("{name}@{}", revision.as_str());
        }
        let page = format!("{}/{repository}", endpoint.url().as_str().trim_end_matches('/'));
        Ok(Self {
            name,
            licence: format!("that of {page}; for what was made of Gemma, also the {GEMMA_TERMS}"),
            source: page,
            files,
            folder: cache.snapshot(repository, &commit),
            token,
            stored: Some(Stored {
                cache,
                repository: repository.clone(),
                revision: wanted_at,
                commit,
            }),
        })
    }

    fn of_ollama(name: &OllamaName, client: &WebClient) -> Result<Self, Failure> {
        let endpoint = Endpoint::from_environment("CODEGEMMA_OLLAMA_REGISTRY", OLLAMA).map_err(failure)?;
        let registry = OllamaRegistry {
            client,
            endpoint: &endpoint,
        };
        let found = registry.find(name).map_err(failure)?;
        let folder = pulled::own_folder()?;
        let file = format!("{}.gguf", name.file_stem());
        Ok(Self {
            name: format!("ollama:{name}"),
            source: format!("Ollama's registry ({})", endpoint.url().host_str().unwrap_or_default()),
            licence: format!("that of https://ollama.com/library; for what was made of Gemma, the {GEMMA_TERMS}"),
            files: vec![OfferedFile {
                url: found.url,
                bytes: found.bytes,
                etag: found.etag,
                digest: Some(found.digest),
                lock: folder.join(format!(".codegemma-{file}.lock")),
                target: folder.join(file),
                name: None,
            }],
            folder,
            token: None,
            stored: None,
        })
    }

    /// How long all its files are.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// Gives a file that has come its name. Says where it is by that, and whether it did not have that before.
    pub(super) fn place(&self, file: &OfferedFile) -> Result<(PathBuf, bool), Failure> {
        match (&self.stored, &file.name) {
            (Some(stored), Some(name)) => stored
                .cache
                .link(&stored.repository, &stored.commit, name, &file.etag)
                .map_err(failure),
            _ => Ok((file.target.clone(), false)),
        }
    }

    /// What is left to do when all files are in their places.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match &self.stored {
            Some(stored) => stored
                .cache
                .set_revision(&stored.repository, &stored.revision, &stored.commit)
                .map_err(failure),
            None => Ok(()),
        }
    }

    /// What is loaded: the first file, or the folder of a model that is one.
    pub(super) fn path(&self, files: &[PulledFile]) -> PathBuf {
        let first = files.first().map(|file| file.path.as_path()).unwrap_or(Path::new(""));
        match first.extension().is_some_and(|extension| extension == "gguf") {
            true => first.to_owned(),
            false => self.folder.clone(),
        }
    }

    /// A file of the table has to be the one that the table means.
    fn check_known(&self, known: &KnownModel) -> Result<(), Failure> {
        let (Some(file), Some(sha256)) = (self.files.first(), known.sha256) else {
            return Ok(());
        };
        let is_same = file.digest.as_ref() == Some(&Digest::Sha256(sha256.to_owned()));
        match is_same && (!known.has_exact_bytes || file.bytes == known.bytes) {
            true => Ok(()),
            false => Err(Failure::Message(format!(
                "{} has another {} than the one that this program knows (SHA-256 {sha256}), so it is not pulled; if you trust it, pull hf:{}/{}",
                known.repository,
                known.file.unwrap_or_default(),
                known.repository,
                known.file.unwrap_or_default()
            ))),
        }
    }
}

/// The user may have said that the hub is not to be asked.
fn check_online() -> Result<(), Failure> {
    let set = std::env::var("HF_HUB_OFFLINE").unwrap_or_default().to_uppercase();
    match ["1", "ON", "YES", "TRUE"].contains(&set.as_str()) {
        true => Err(Failure::Message(
            "HF_HUB_OFFLINE is set, so the hub is not asked; unset it, or use a model that is on this machine (`codegemma-complete model list`)".to_owned(),
        )),
        false => Ok(()),
    }
}
