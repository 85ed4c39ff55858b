//! Where the configuration comes from while the server runs: the start, the client's changes, and files that change.
//!
//! It must not know what the settings mean to a request.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tower_lsp::Client;
use tower_lsp::ls_types::{ClientCapabilities, ConfigurationItem, MessageType, Registration};

use super::shared::Shared;
use crate::config::{Config, FILE_NAME};
use crate::settings::Settings;

/// How long a client may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name of the client's section.
const SECTION: &str = "codegemma";

/// What is set, and what the client was told about it.
#[derive(Default)]
pub(super) struct Configuration {
    config: Config,
    /// The problems of the files as they were read last.
    told: BTreeSet<String>,
    can: Abilities,
}

/// What the client can do about settings.
#[derive(Clone, Copy, Default)]
struct Abilities {
    /// It can be asked for its settings.
    answer: bool,
    /// It can watch files.
    watch: bool,
    /// It can watch files outside of its folders.
    watch_elsewhere: bool,
}

impl Abilities {
    fn new(client: &ClientCapabilities) -> Self {
        let workspace = client.workspace.as_ref();
        let watched = workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref());
        Self {
            answer: workspace.and_then(|workspace| workspace.configuration) == Some(true),
            watch: watched.and_then(|watched| watched.dynamic_registration) == Some(true),
            watch_elsewhere: watched.and_then(|watched| watched.relative_pattern_support) == Some(true),
        }
    }
}

impl Shared {
    /// Reads the files and takes over what the client says at the start, then loads the engine.
    pub(super) fn configure_first(self: &Arc<Self>, client: &ClientCapabilities, roots: &[PathBuf], options: &Value) {
        self.change_config(false, |configuration| {
            configuration.can = Abilities::new(client);
            configuration.config = self.flags.config(roots);
            section(options).map_or_else(Vec::new, |section| configuration.config.update_client(section, true))
        });
    }

    /// The client changed its settings, or says that it did; then it is asked for them.
    pub(super) fn configure(self: &Arc<Self>, settings: &Value, client: &Client) {
        match settings.get(SECTION).filter(|section| !section.is_null()) {
            Some(section) => self.change_config(false, |configuration| {
                configuration.config.update_client(section, false)
            }),
            None => self.ask(client.clone()),
        }
    }

    /// Reads the files again. They are small, so that holds nobody up. With `anew` the engine is loaded again, whatever
    /// has changed.
    pub(super) fn reread(self: &Arc<Self>, anew: bool) {
        self.change_config(anew, |configuration| {
            configuration.config.reread();
            Vec::new()
        });
    }

    fn configuration(&self) -> std::sync::MutexGuard<'_, Configuration> {
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the configuration, says what is wrong with it, and follows it.
    fn change_config(self: &Arc<Self>, anew: bool, change: impl FnOnce(&mut Configuration) -> Vec<String>) {
        let mut configuration = self.configuration();
        let refused = change(&mut configuration);
        let problems: BTreeSet<String> = configuration.config.problems().into_iter().collect();
        let told = std::mem::replace(&mut configuration.told, problems);
        for message in refused.iter().chain(configuration.told.difference(&told)) {
            tracing::warn!("{message}");
            self.outbox.message(MessageType::WARNING, message.clone());
        }
        let effective = configuration.config.effective();
        let settings = Settings::new(&effective);
        let off = settings.is_off();
        {
            let mut session = self.lock();
            if session.settings != settings {
                for message in session.configure(settings) {
                    self.outbox
                        .message(MessageType::WARNING, format!("CodeGemma: {message}"));
                }
                self.tell(&session, None);
                self.tend(&mut session);
            }
        }
        // Who has switched completion off has no use for the model, until it is switched on.
        if anew || !off {
            // Still under the lock of the configuration, so that what is loaded last is what was set last.
            self.load(effective.engine(), anew);
        }
    }

    /// Asks the client for its settings, and waits neither for it here nor for ever.
    fn ask(self: &Arc<Self>, client: Client) {
        if !self.configuration().can.answer {
            return;
        }
        let shared = self.clone();
        self.outbox.begin(async move {
            let item = ConfigurationItem {
                scope_uri: None,
                section: Some(SECTION.to_owned()),
            };
            match tokio::time::timeout(PATIENCE, client.configuration(vec![item])).await {
                Err(_) => tracing::warn!("the client was asked for its settings and does not answer"),
                Ok(Err(error)) => tracing::warn!("the client does not give its settings: {error}"),
                Ok(Ok(sections)) => {
                    if let Some(section) = sections.first().filter(|section| !section.is_null()) {
                        shared.change_config(false, |configuration| {
                            configuration.config.update_client(section, false)
                        });
                    }
                }
            }
        });
    }

    /// Asks the client to tell when a file of settings changes.
    pub(super) fn watch_files(self: &Arc<Self>, client: Client) {
        let configuration = self.configuration();
        let can = configuration.can;
        if !can.watch {
            return;
        }
        let mut watchers = vec![json!({"globPattern": format!("**/{FILE_NAME}")})];
        let user = configuration.config.user_file();
        if can.watch_elsewhere
            && let Some(watcher) = user.and_then(watcher)
        {
            watchers.push(watcher);
        }
        let registration = Registration {
            id: "codegemma/settings".to_owned(),
            method: "workspace/didChangeWatchedFiles".to_owned(),
            register_options: Some(json!({"watchers": watchers})),
        };
        self.outbox.begin(async move {
            let answer = tokio::time::timeout(PATIENCE, client.register_capability(vec![registration])).await;
            if !matches!(answer, Ok(Ok(()))) {
                tracing::warn!("the client does not watch {FILE_NAME}; codegemma.restart reads it again");
            }
        });
    }
}

/// What watches one file, wherever it is.
fn watcher(file: &Path) -> Option<Value> {
    let folder = tower_lsp::ls_types::Uri::from_file_path(file.parent()?)?;
    let name = file.file_name()?.to_str()?;
    Some(json!({"globPattern": {"baseUri": folder.as_str(), "pattern": name}}))
}

/// The section in what a client says at the start, which some put into an object of its own.
fn section(options: &Value) -> Option<&Value> {
    let section = options.get(SECTION).unwrap_or(options);
    (!section.is_null()).then_some(section)
}
