//! `codegemma-complete model pull`: fetches a model.
//!
//! This and what is below it is the only place that may use the network. It must not know what is in the files.

mod choice;
mod offer;
mod progress;
mod settings;
mod wanted;

use codegemma_hub::{Download, HubError, WebClient, free_space};
use serde_json::json;

use super::super::failure::Failure;
use super::super::output::{self, size};
use crate::models::known;
use crate::models::pulled::{self, PulledFile, PulledModel};
use offer::{Offer, OfferedFile};
use progress::Progress;
use wanted::Wanted;

/// What has to stay free on the disk.
const MARGIN: u64 = 64 << 20;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete model pull                                 CodeGemma 2B, for completion
  codegemma-complete model pull codegemma-7b:q8_0 --use         and makes it the model in your codegemma.toml
  codegemma-complete model pull hf:bartowski/codegemma-2b-GGUF  from a repository of Hugging Face
  codegemma-complete model pull ollama:codegemma:2b-code        from Ollama's registry")]
pub(super) struct Flags {
    /// A known name, hf:ORG/REPO[/FILE][@REVISION] or ollama:NAME[:TAG]; by default CodeGemma 2B
    name: Option<String>,
    /// Accept the licence and do not ask
    #[arg(long, short)]
    yes: bool,
    /// Make it the model in your codegemma.toml
    #[arg(long = "use")]
    use_it: bool,
    /// Print how it goes as lines of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    match pull(flags) {
        Err(Failure::Message(message)) if flags.json => {
            output::print_json(&json!({"event": "error", "message": message}))?;
            Err(Failure::Said)
        }
        result => result,
    }
}

fn pull(flags: &Flags) -> Result<(), Failure> {
    let name = flags.name.as_deref();
    let default = || known::default_model().to_string();
    let asked = name.map_or_else(default, str::to_owned);
    let wanted = Wanted::new(&asked)?;
    let client = WebClient::new().map_err(failure)?;
    let offer = Offer::of(&wanted, &client)?;
    accept(&offer, flags, &client)?;
    let model = fetch(&offer, &asked, flags, &client)?;
    if flags.use_it {
        settings::use_model(&model.name)?;
    }
    let first = model.files.first();
    if flags.json {
        let bytes: u64 = model.files.iter().map(|file| file.bytes).sum();
        return output::print_json(&json!({
            "event": "done",
            "name": model.name,
            "path": model.path,
            "bytes": bytes,
            "sha256": first.and_then(|file| file.sha256.as_ref()),
        }));
    }
    if !flags.use_it {
        output::note(&format!(
            "use it with --model {}, or pull with --use to make it the model of your codegemma.toml",
            model.name
        ));
    }
    output::print(&format!("{}\n", model.path.display()))
}

fn failure(error: HubError) -> Failure {
    Failure::new(error)
}

/// Says what would come and under which licence, checks that there is room for it, and asks.
fn accept(offer: &Offer, flags: &Flags, client: &WebClient) -> Result<(), Failure> {
    let bytes = offer.bytes();
    let missing: u64 = offer
        .files
        .iter()
        .map(|file| download(file, offer, client).missing())
        .sum();
    if missing == 0 {
        return Ok(());
    }
    let folder = &offer.folder;
    let free = free_space(&folder.join("file")).map_err(failure)?;
    let needed = missing.saturating_add(MARGIN);
    if free < needed {
        return Err(Failure::Message(format!(
            "{}: {} are needed for {} and {} are free; make room, or choose another disk with HF_HOME or CODEGEMMA_CACHE",
            folder.display(),
            size(needed),
            offer.name,
            size(free)
        )));
    }
    let begun = match bytes - missing {
        0 => String::new(),
        there => format!(" ({} are there)", size(there)),
    };
    let what = format!("{} from {}: {}{begun}", offer.name, offer.source, size(bytes));
    output::note(&what);
    if known::find(&offer.name).is_some_and(|known| !known.runs) {
        output::note("this version of the program does not run it yet");
    }
    output::note(&format!("licence: {}", offer.licence));
    output::note(&format!("into {}, where {} are free", folder.display(), size(free)));
    if !flags.yes && !output::asks("accept the licence and pull?", "--yes accepts the licence and pulls")? {
        return Err(Failure::Message("nothing was pulled".to_owned()));
    }
    Ok(())
}

fn fetch(offer: &Offer, asked: &str, flags: &Flags, client: &WebClient) -> Result<PulledModel, Failure> {
    let progress = Progress::new(offer.bytes(), flags.json);
    let mut files = Vec::new();
    let before = pulled::find(&offer.name);
    for file in &offer.files {
        let fetched = download(file, offer, client).fetch(&progress).map_err(failure)?;
        progress.end_file(file.bytes);
        let (path, is_named) = offer.place(file)?;
        let was_ours = || {
            let files = before.iter().flat_map(|before| &before.files);
            files.into_iter().any(|old| old.is_ours && old.path == path)
        };
        files.push(PulledFile {
            is_ours: fetched.is_new || is_named || was_ours(),
            blob: (path != file.target).then(|| file.target.clone()),
            bytes: file.bytes,
            sha256: fetched.sha256,
            path,
        });
    }
    progress.finish();
    offer.finish()?;
    let model = PulledModel {
        name: offer.name.clone(),
        asked: asked.to_owned(),
        source: offer.source.clone(),
        licence: offer.licence.clone(),
        path: offer.path(&files),
        files,
    };
    pulled::remember(&model)?;
    Ok(model)
}

fn download<'a>(file: &'a OfferedFile, offer: &'a Offer, client: &'a WebClient) -> Download<'a> {
    Download {
        client,
        token: offer.token.as_ref(),
        url: &file.url,
        bytes: file.bytes,
        etag: &file.etag,
        digest: file.digest.as_ref(),
        target: &file.target,
        lock: &file.lock,
    }
}
