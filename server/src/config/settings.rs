//! What the configuration says about completions, in the types that the rest of the server uses.
//!
//! It must not know the protocol, or where a value comes from.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::completion::trigger::Multiline;
use crate::config::Effective;

/// The settings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// How long a request may take; then what there is gets suggested.
    pub deadline: Duration,
    /// How long a request may read before the first token.
    pub first_token: Duration,
    /// The most of the time, from 0 to 1, that may go to what nobody waits for.
    pub idle_share: f64,
    /// Patterns, as in `.gitignore`, of files that the model never sees and where nothing is suggested.
    pub exclude: Vec<String>,
    /// What the model may see besides the document.
    pub context: ContextSources,
    general: LanguageSettings,
    languages: BTreeMap<String, LanguageSettings>,
}

/// Where the model may see code of besides the document itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContextSources {
    /// Other open files.
    pub open_files: bool,
    /// Files on disk: what is imported, tests, and the files beside.
    pub imports: bool,
    /// What was edited last.
    pub recent_edits: bool,
}

/// What can be different in each language.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LanguageSettings {
    /// Whether anything is suggested.
    pub enabled: bool,
    /// The most tokens to generate.
    pub max_tokens: usize,
    /// When a completion may be longer than a line.
    pub multiline: Multiline,
    /// How likely a line has to be right to be shown unasked, from 0, which shows all, to 1; by the model where none is set.
    pub confidence: Option<f64>,
}

impl Default for Settings {
    /// Those of a configuration in which nothing is set.
    fn default() -> Self {
        Self::new(&Effective::default())
    }
}

impl Settings {
    /// The settings of a configuration.
    pub(crate) fn new(effective: &Effective) -> Self {
        let switch = |name: &str| effective.value(name) == Value::Bool(true);
        let general = LanguageSettings {
            enabled: true,
            max_tokens: 0,
            multiline: Multiline::Auto,
            confidence: None,
        };
        let general = general.with(|name| effective.value(name));
        let language = |id: &str| {
            let set = effective_in(effective, id);
            (id.to_owned(), general.with(set))
        };
        let exclude = effective.value("exclude");
        let exclude = exclude.as_array().into_iter().flatten().filter_map(Value::as_str);
        Self {
            deadline: Duration::from_millis(effective.value("deadlineMs").as_u64().unwrap_or(u64::MAX)),
            first_token: Duration::from_millis(effective.value("firstTokenMs").as_u64().unwrap_or(0)),
            idle_share: effective.value("idleShare").as_f64().unwrap_or(0.0),
            exclude: exclude.map(str::to_owned).collect(),
            context: ContextSources {
                open_files: switch("context.openFiles"),
                imports: switch("context.imports"),
                recent_edits: switch("context.recentEdits"),
            },
            languages: effective.languages().map(language).collect(),
            general,
        }
    }

    /// What holds in a language.
    pub(crate) fn of(&self, language: &str) -> LanguageSettings {
        self.languages.get(language).copied().unwrap_or(self.general)
    }

    /// Whether nothing is suggested in any language.
    pub(crate) fn is_off(&self) -> bool {
        !self.general.enabled && !self.languages.values().any(|language| language.enabled)
    }
}

/// What is set for one language, by the name of the general key.
fn effective_in(effective: &Effective, id: &str) -> impl Fn(&str) -> Value {
    move |name| {
        let setting = effective.get(&format!("languages.{id}.{name}"));
        setting.map_or(Value::Null, |setting| setting.value.clone())
    }
}

impl LanguageSettings {
    /// These, with what is set by `value` in their place. A value is what its key may have, or null.
    fn with(self, value: impl Fn(&str) -> Value) -> Self {
        let tokens = value("maxTokens")
            .as_u64()
            .and_then(|tokens| usize::try_from(tokens).ok());
        let multiline = value("multiline").as_str().and_then(Multiline::from_name);
        Self {
            enabled: value("enabled").as_bool().unwrap_or(self.enabled),
            max_tokens: tokens.unwrap_or(self.max_tokens),
            multiline: multiline.unwrap_or(self.multiline),
            confidence: value("confidence").as_f64().or(self.confidence),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{Config, Layer};

    /// The settings after a client has sent these sections, and what was refused of the last.
    fn after(sections: &[Value]) -> (Settings, Vec<String>) {
        let mut config = Config::new(Layer::default());
        let refused = sections.iter().map(|section| config.set_client(section, false));
        let refused = refused.last().unwrap_or_default();
        (Settings::new(&config.effective()), refused)
    }

    #[test]
    fn values_are_taken_over() {
        let section = json!({
            "maxTokens": 7, "deadlineMs": 100, "multiline": "never", "theme": 1,
            "languages": {"markdown": {"enabled": false}, "rust": {"enabled": true}},
            "context": {"imports": false},
        });
        let (settings, refused) = after(std::slice::from_ref(&section));
        assert_eq!(refused, Vec::<String>::new());
        assert_eq!(settings.deadline, Duration::from_millis(100));
        assert!(settings.context.open_files && !settings.context.imports && settings.context.recent_edits);
        let c = settings.of("c");
        assert_eq!((c.max_tokens, c.multiline), (7, Multiline::Never));
        assert!(!settings.of("markdown").enabled && settings.of("rust").enabled);
        let (settings, refused) = after(&[section, json!({"languages": {"markdown": {"enabled": true}}})]);
        assert!(refused.is_empty() && settings.of("markdown").enabled);
        assert_eq!(
            settings.of("markdown").max_tokens,
            Settings::default().of("c").max_tokens
        );
    }

    #[test]
    fn a_wrong_value_is_named_and_left_out() {
        let section = json!({
            "maxTokens": -1, "deadlineMs": "fast", "multiline": true, "languages": {"c": {"enabled": 1}}, "context": {"openFiles": "no"},
        });
        let (settings, mut refused) = after(&[section]);
        assert_eq!(refused.len(), 5, "{refused:?}");
        refused.sort();
        assert_eq!(
            refused[3], "codegemma.maxTokens: expected a number above 0, found -1; this is ignored",
            "{refused:?}"
        );
        assert_eq!(settings, Settings::default());
        assert_eq!(after(&[json!([1])]).1.len(), 1);
        assert_eq!(after(&[json!({"languages": []})]).1.len(), 0);
        let (settings, refused) = after(&[json!({"maxTokens": 7}), json!({"maxTokens": "many", "threads": 1})]);
        assert_eq!((settings, refused.len()), (Settings::default(), 1));
        let (settings, refused) = after(&[json!({"maxTokens": 7}), json!("many")]);
        assert_eq!((settings.of("c").max_tokens, refused.len()), (7, 1));
    }

    #[test]
    fn a_language_differs_in_what_is_set_for_it_only() {
        let section = json!({
            "maxTokens": 7, "confidence": 0.25,
            "languages": {"c++": {"maxTokens": 9}, "go": {"multiline": "always", "confidence": 1}},
        });
        let (settings, _) = after(&[section]);
        let general = settings.of("c");
        assert_eq!((general.max_tokens, general.confidence), (7, Some(0.25)));
        assert_eq!(
            settings.of("c++"),
            LanguageSettings {
                max_tokens: 9,
                ..general
            }
        );
        let go = settings.of("go");
        assert_eq!(
            (go.max_tokens, go.multiline, go.confidence),
            (7, Multiline::Always, Some(1.0))
        );
    }

    #[test]
    fn off_is_off_in_every_language() {
        let is_off = |section: Value| after(&[section]).0.is_off();
        assert!(!is_off(json!({})));
        assert!(is_off(json!({"enabled": false})));
        assert!(is_off(json!({"enabled": false, "languages": {"go": {"maxTokens": 9}}})));
        assert!(!is_off(
            json!({"enabled": false, "languages": {"go": {"enabled": true}}})
        ));
        assert!(!is_off(json!({"languages": {"go": {"enabled": false}}})));
    }
}
