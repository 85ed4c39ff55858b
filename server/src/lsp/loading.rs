//! Loading the engine, at the start and again when the configuration asks for another one.
//!
//! One thread loads; what is wanted while it does so is loaded next. It must not know what the configuration says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use codegemma_model::{Engine, LoadError, LoadOptions, ModelSource};
use tokio::sync::watch;
use tower_lsp::Client;
use tower_lsp::ls_types::MessageType;

use super::lock::Held;
use super::outbox;
use super::shared::Shared;
use crate::config::EngineChoice;
use crate::models::path::{self, Version};
use crate::models::starter;
use crate::process::panics::{fault, fenced};
use crate::session::EngineState;

/// Loads an engine, as [`Engine::load`] does.
pub(crate) type LoadEngine = fn(&ModelSource, &LoadOptions) -> Result<Engine, LoadError>;

/// What is said where loading panicked.
const PANICKED: &str = "loading the model failed by a mistake in this program; its log says where";

/// What is to be loaded.
#[derive(Default)]
pub(super) struct Loader {
    /// The client, if it shows progress.
    pub(super) progress: Option<Client>,
    /// What the thread takes next.
    wanted: Option<EngineChoice>,
    /// What was wanted last.
    last: Option<EngineChoice>,
    /// The engine that serves again if the new one cannot be loaded.
    before: Option<EngineState>,
    /// Whether the thread runs.
    runs: bool,
    /// How many threads have run.
    loads: u64,
    /// The files that were read last, as they were before.
    version: Option<Version>,
    /// When the files of a model that is not there were looked at last.
    looked: Option<Instant>,
    /// Engines that are ending.
    ends: Vec<Receiver<()>>,
}

/// How long nobody has written to a model's files when they are taken to be whole.
const QUIET: Duration = Duration::from_secs(2);

/// How often the files are looked at while there is no model.
const LOOK: Duration = Duration::from_secs(1);

impl Shared {
    fn loader(&self) -> Held<'_, Loader> {
        self.loader.lock()
    }

    /// Shows the progress of loading to this client.
    pub(super) fn show_progress(&self, client: Client) {
        self.loader().progress = Some(client);
    }

    /// Loads the engine that the configuration asks for, unless it is there or on its way; with `anew`, also then.
    /// Until it is loaded, nothing is suggested.
    pub(super) fn load(self: &Arc<Self>, choice: EngineChoice, anew: bool) {
        let mut loader = self.loader();
        if !anew && loader.last.as_ref().is_some_and(|last| last.is_same(&choice)) {
            return;
        }
        let mut session = self.lock();
        if session.has_ended() {
            return;
        }
        loader.last = Some(choice.clone());
        loader.wanted = Some(choice);
        if let engine @ EngineState::Ready(_) = session.reload() {
            loader.before = Some(engine);
        }
        self.tell(&session, None);
        drop(session);
        if !loader.runs {
            self.start_thread(&mut loader);
        }
    }

    /// Has somebody look whether the model's file is what it was, where nobody is about to.
    pub(super) fn look_at_model_soon(self: &Arc<Self>) {
        if self.looks_at_model.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = self.clone();
        let look = move || {
            // Whoever asks from now on may have seen another file.
            shared.looks_at_model.store(false, Ordering::Release);
            shared.look_at_model();
        };
        if !self.lanes.files.post(look) {
            self.looks_at_model.store(false, Ordering::Release);
        }
    }

    /// Loads the model again where its file was changed while it was in use, or after it could not be loaded: when nobody
    /// writes to it any more. Costs a system call or two.
    fn look_at_model(self: &Arc<Self>) {
        let engine = self.lock().engine().clone();
        match engine {
            EngineState::Loading => {}
            EngineState::Ready(engine) => {
                if let Err(message) = engine.check() {
                    self.model_changed(message);
                }
            }
            EngineState::Failed(_) => self.load_when_whole(),
        }
    }

    fn model_changed(self: &Arc<Self>, message: String) {
        tracing::warn!("{message}");
        let text = format!("CodeGemma: {message}. It is loaded again when it is whole.");
        self.outbox.message(MessageType::WARNING, text);
        {
            let mut loader = self.loader();
            let mut session = self.lock();
            // Its end takes a while; the thread that loads sees to it.
            loader.before = Some(session.reload());
            loader.version = None;
            loader.looked = None;
            session.set_engine(EngineState::Failed(format!(
                "{message}; it is loaded again when it is whole"
            )));
            self.tell(&session, None);
        }
        self.load_when_whole();
    }

    fn load_when_whole(self: &Arc<Self>) {
        let choice = {
            let mut loader = self.loader();
            if loader.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
                return;
            }
            loader.looked = Some(Instant::now());
            let now = loader.last.as_ref().and_then(version);
            if now == loader.version || !now.is_some_and(|now| now.is_quiet_for(QUIET)) {
                return;
            }
            loader.last.clone()
        };
        if let Some(choice) = choice {
            self.load(choice, true);
        }
    }

    fn start_thread(self: &Arc<Self>, loader: &mut Loader) {
        loader.runs = true;
        loader.loads += 1;
        let (done, watch) = watch::channel(None);
        if let Some(client) = loader.progress.clone() {
            self.outbox.begin(outbox::show_loading(client, loader.loads, watch));
        }
        let shared = self.clone();
        let load = move || {
            while let Some(choice) = shared.next() {
                let engine = fenced(|| shared.read(&choice)).unwrap_or_else(|| Err(PANICKED.to_owned()));
                // Their end may take a while, so they end under no lock.
                let unneeded = fenced(|| shared.loaded(engine));
                if fenced(|| unneeded.into_iter().flatten().for_each(end)).is_none() {
                    tracing::error!("an engine that is not needed any more did not end in good order");
                }
                shared.run_jobs(&mut shared.lock());
            }
            let words = match shared.lock().engine() {
                EngineState::Failed(message) => message.clone(),
                EngineState::Loading | EngineState::Ready(_) => "the model is loaded".to_owned(),
            };
            done.send_replace(Some(words));
        };
        if let Err(error) = std::thread::Builder::new().name("load".to_owned()).spawn(load) {
            loader.runs = false;
            loader.wanted = None;
            let message = format!("there is no thread to load the model in ({error}); close other programs");
            self.publish(loader, Err(message));
        }
    }

    /// What to load now; with `None` the thread ends.
    fn next(&self) -> Option<EngineChoice> {
        let mut loader = self.loader();
        let wanted = loader.wanted.take();
        loader.runs = wanted.is_some();
        wanted
    }

    fn read(&self, choice: &EngineChoice) -> Result<(Engine, bool), String> {
        self.loader().version = version(choice);
        fault("load");
        let source = choice.source()?;
        let starter = matches!(source, ModelSource::Embedded(_));
        if starter {
            tracing::info!("{}", starter::NOTE);
        }
        let mut options = choice.load_options();
        options.keep_sequences = self.keep.then(|| path::kept_sequences(&source)).flatten();
        let engine = (self.load_engine)(&source, &options).map_err(|error| choice.blame(&error.to_string()))?;
        Ok((engine, starter))
    }

    /// Serves with an engine that was loaded, unless another is wanted by now; gives those that are not needed.
    fn loaded(&self, engine: Result<(Engine, bool), String>) -> Vec<EngineState> {
        let mut loader = self.loader();
        if loader.wanted.is_some() {
            return engine
                .into_iter()
                .map(|(engine, _)| EngineState::Ready(Arc::new(engine)))
                .collect();
        }
        self.publish(&mut loader, engine);
        loader.before.take().into_iter().collect()
    }

    fn publish(&self, loader: &mut Loader, engine: Result<(Engine, bool), String>) {
        let mut session = self.lock();
        match engine {
            Ok((engine, starter)) => {
                session.serve(Arc::new(engine), starter);
            }
            Err(message) => {
                tracing::error!("{message}");
                let before = loader.before.take_if(|before| match before {
                    EngineState::Ready(engine) => engine.check().is_ok(),
                    EngineState::Loading | EngineState::Failed(_) => false,
                });
                let goes_on = if before.is_some() {
                    "; the model before goes on"
                } else {
                    ""
                };
                self.outbox
                    .message(MessageType::ERROR, format!("CodeGemma: {message}{goes_on}"));
                session.set_engine(before.unwrap_or(EngineState::Failed(message)));
            }
        }
        self.tell(&session, None);
    }

    /// Ends the engines, which nobody has a use for once the client goes. They may have much to write, so they do it on a
    /// thread of its own.
    pub(super) fn end_engines(&self) {
        let before = self.loader().before.take();
        let engines = [before, Some(self.lock().take_engine())];
        let (ended, ends) = mpsc::channel();
        let end = move || {
            engines.into_iter().flatten().for_each(end);
            // Whoever waits may have lost patience.
            let _ = ended.send(());
        };
        // Where there is no thread they have ended with the closure.
        if std::thread::Builder::new().name("end".to_owned()).spawn(end).is_ok() {
            self.loader().ends.push(ends);
        }
    }

    /// Waits for the engines to end, for so long altogether.
    pub(super) fn wait_for_engines(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let ends = std::mem::take(&mut self.loader().ends);
        for end in ends {
            if let Err(RecvTimeoutError::Timeout) = end.recv_timeout(until.saturating_duration_since(Instant::now())) {
                tracing::warn!("what was read is not kept: writing it takes too long");
            }
        }
    }
}

/// Ends an engine when nobody uses it any more: a request that is being planned, or idle work, does for a moment.
fn end(engine: EngineState) {
    const PATIENCE: Duration = Duration::from_secs(5);
    const LOOK: Duration = Duration::from_millis(1);
    let until = Instant::now() + PATIENCE;
    if let EngineState::Ready(engine) = engine {
        while Arc::strong_count(&engine) > 1 && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
    }
}

/// The files that an engine is read from, as they are now.
fn version(choice: &EngineChoice) -> Option<Version> {
    Version::of(&choice.source().ok()?)
}
