//! Where the configuration comes from while the server runs: the start, the client's changes, and files that change.
//!
//! It must not know what the settings mean to a request.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tower_lsp::Client;
use tower_lsp::ls_types::{ConfigurationItem, MessageType, Registration};

use super::capabilities::Introduction;
use super::convert::IGNORE_FILES;
use super::lock::Held;
use super::requests::Panicked;
use super::shared::Shared;
use crate::config::roots::Roots;
use crate::config::settings::Settings;
use crate::config::{self, Config, FILE_NAME};
use crate::process::panics::fenced;

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
    /// How often the client was to be asked for its settings since it was last, which one task does.
    asks: usize,
}

/// What the client can do about settings.
#[derive(Clone, Copy, Default)]
struct Abilities {
    /// It can be asked for its settings.
    has_settings: bool,
    /// It tells when they change, where it is asked to.
    tells_of_settings: bool,
    /// It can watch files.
    watches: bool,
    /// It can watch files outside of its folders.
    watches_elsewhere: bool,
}

impl Shared {
    /// Reads the files and takes over what the client says at the start, then loads the engine. A client that gives no
    /// settings there and can be asked for them is asked, and told to say when they change.
    pub(super) async fn configure_first(self: &Arc<Self>, said: Introduction, client: &Client) -> Result<(), Panicked> {
        let section = said.options.get(SECTION).unwrap_or(&said.options).clone();
        let pulls = config::says_nothing(&section) && said.has_settings;
        let shared = self.clone();
        let first = move || {
            let roots = Roots::new(said.folders);
            shared.lock().enter(roots.clone());
            shared.change_config(false, |configuration| {
                configuration.can = Abilities {
                    has_settings: said.has_settings,
                    tells_of_settings: said.tells_of_settings,
                    watches: said.watches,
                    watches_elsewhere: said.watches_elsewhere,
                };
                configuration.config = shared.flags.config(roots.folders());
                configuration.config.set_client(&section, true)
            });
        };
        self.lanes.files.run(first).await.ok_or(Panicked)?;
        if pulls {
            self.ask(client.clone());
        }
        self.register(client.clone(), pulls);
        Ok(())
    }

    /// Folders of the workspace went and came.
    pub(super) fn enter(self: &Arc<Self>, removed: Vec<PathBuf>, added: Vec<PathBuf>) {
        self.change_config_soon(false, move |shared, configuration| {
            let roots = shared.lock().roots().clone();
            let roots = roots.changed(&removed, added);
            shared.lock().enter(roots.clone());
            let before = std::mem::replace(&mut configuration.config, shared.flags.config(roots.folders()));
            configuration.config.keep_client(before);
            Vec::new()
        });
    }

    /// The client changed its settings, or says that it did; then it is asked for them.
    pub(super) fn configure(self: &Arc<Self>, settings: &Value, client: &Client) {
        match section(settings).cloned() {
            Some(section) => self.take_over(section),
            None => self.ask(client.clone()),
        }
    }

    /// Takes over the client's section.
    fn take_over(self: &Arc<Self>, section: Value) {
        self.change_config_soon(false, move |_, configuration| {
            configuration.config.set_client(&section, false)
        });
    }

    /// Reads the files again. With `anew` the engine is loaded again, whatever has changed.
    pub(super) fn reread(self: &Arc<Self>, anew: bool) {
        self.change_config_soon(anew, |_, configuration| {
            configuration.config.reread();
            Vec::new()
        });
    }

    /// Changes the configuration where no message waits for the file system. Requests that come from now on wait for it,
    /// for a while.
    fn change_config_soon(
        self: &Arc<Self>,
        anew: bool,
        change: impl FnOnce(&Shared, &mut Configuration) -> Vec<String> + Send + 'static,
    ) {
        self.lock().expect_settings();
        let shared = self.clone();
        let posted = self.lanes.files.post(move || {
            // Where it panics, that is told, and the settings stay what they were.
            let _ = fenced(|| shared.change_config(anew, |configuration| change(&shared, configuration)));
            shared.lock().settings_taken();
            shared.known.send_replace(());
        });
        if !posted {
            self.lock().settings_taken();
        }
    }

    fn configuration(&self) -> Held<'_, Configuration> {
        self.configuration.lock()
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
            if *session.settings() != settings {
                for message in session.configure(settings) {
                    self.outbox
                        .message(MessageType::WARNING, format!("CodeGemma: {message}"));
                }
                self.tell(&session, None);
                self.run_jobs(&mut session);
            }
        }
        // Who has switched completion off has no use for the model, until it is switched on.
        if anew || !off {
            // Still under the lock of the configuration, so that what is loaded last is what was set last.
            self.load(effective.engine(), anew);
        }
    }

    /// Asks the client for its settings, and waits neither for it here nor for ever. While it has not answered it is not asked
    /// once more, but afterwards.
    fn ask(self: &Arc<Self>, client: Client) {
        let mut configuration = self.configuration();
        if !configuration.can.has_settings {
            return;
        }
        configuration.asks += 1;
        if configuration.asks > 1 {
            return;
        }
        drop(configuration);
        let shared = self.clone();
        self.outbox.begin(async move {
            loop {
                let asks = shared.configuration().asks;
                let item = ConfigurationItem {
                    scope_uri: None,
                    section: Some(SECTION.to_owned()),
                };
                match tokio::time::timeout(PATIENCE, client.configuration(vec![item])).await {
                    Err(_) => tracing::warn!("the client was asked for its settings and does not answer"),
                    Ok(Err(error)) => tracing::warn!("the client does not give its settings: {error}"),
                    Ok(Ok(sections)) => {
                        shared.take_over(sections.into_iter().next().unwrap_or_default());
                    }
                }
                let mut configuration = shared.configuration();
                configuration.asks -= asks;
                if configuration.asks == 0 {
                    return;
                }
            }
        });
    }

    /// Asks the client to tell when a file of settings or one with rules that hide files changes, and, where it `pulls`,
    /// when its settings do.
    fn register(self: &Arc<Self>, client: Client, pulls: bool) {
        let configuration = self.configuration();
        let can = configuration.can;
        let mut registrations = Vec::new();
        if can.watches {
            let names = [FILE_NAME].iter().chain(IGNORE_FILES);
            let mut watchers: Vec<Value> = names.map(|name| json!({"globPattern": format!("**/{name}")})).collect();
            if can.watches_elsewhere {
                watchers.extend(configuration.config.user_file().and_then(watcher));
            }
            registrations.push(Registration {
                id: "codegemma/files".to_owned(),
                method: "workspace/didChangeWatchedFiles".to_owned(),
                register_options: Some(json!({"watchers": watchers})),
            });
        }
        if pulls && can.tells_of_settings {
            registrations.push(Registration {
                id: "codegemma/section".to_owned(),
                method: "workspace/didChangeConfiguration".to_owned(),
                register_options: Some(json!({"section": SECTION})),
            });
        }
        if registrations.is_empty() {
            return;
        }
        self.outbox.begin(async move {
            let answer = tokio::time::timeout(PATIENCE, client.register_capability(registrations)).await;
            if !matches!(answer, Ok(Ok(()))) {
                tracing::warn!(
                    "the client does not tell when files or settings change; codegemma.restart reads them again"
                );
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

/// The section in what a client says while it runs, which some put into an object of its own and some do not. `None` if the client says
/// nothing of these settings.
fn section(said: &Value) -> Option<&Value> {
    match said.get(SECTION) {
        Some(Value::Null) | None => config::has_settings(said).then_some(said),
        section => section,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_found_in_an_object_of_its_own_or_as_it_is() {
        let check = |said: Value, expected: Option<Value>| assert_eq!(section(&said), expected.as_ref(), "{said}");
        let set = json!({"maxTokens": 3});
        check(json!({"codegemma": set}), Some(set.clone()));
        check(
            json!({"codegemma": set, "other": 1, "enabled": false}),
            Some(set.clone()),
        );
        check(set.clone(), Some(set));
        check(
            json!({"context": {"imports": false}}),
            Some(json!({"context": {"imports": false}})),
        );
        check(json!({"codegemma": []}), Some(json!([])));
        check(json!({"codegemma": 5}), Some(json!(5)));
        for nothing in [
            json!(null),
            json!({}),
            json!([]),
            json!({"codegemma": null}),
            json!({"python": {"enabled": 1}}),
            json!(5),
        ] {
            check(nothing, None);
        }
    }
}
