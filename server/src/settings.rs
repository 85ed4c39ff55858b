//! What a client may set while the server runs: the section `codegemma` of its configuration.
//!
//! A value that makes no sense is refused with a message and the old one is kept. It must not know the protocol.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::trigger::Multiline;

/// The most tokens of a completion where nothing else is said.
pub const MAX_TOKENS: usize = 64;

/// The settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The most tokens to generate.
    pub max_tokens: usize,
    /// How long a request may take; then what there is gets suggested.
    pub deadline: Duration,
    /// When a completion may be longer than a line.
    pub multiline: Multiline,
    /// How likely a line has to be to be shown unasked, from 0, which shows all, to 1.
    pub confidence: f64,
    /// Languages in which nothing is suggested.
    disabled: BTreeSet<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_tokens: MAX_TOKENS,
            deadline: Duration::from_secs(5),
            multiline: Multiline::Auto,
            confidence: 0.0,
            disabled: BTreeSet::new(),
        }
    }
}

impl Settings {
    /// Whether anything is suggested in a language.
    pub fn is_enabled(&self, language: &str) -> bool {
        !self.disabled.contains(language)
    }

    /// Takes over what `section` sets, and says what it could not take. Keys of other versions are left alone.
    pub fn update(&mut self, section: &Value) -> Vec<String> {
        let mut refused = Vec::new();
        let Some(section) = section.as_object() else {
            return vec![format!(
                "codegemma: expected an object with settings, found {section}; the settings stay as they are"
            )];
        };
        let mut refuse = |key: &str, expected: &str, found: &Value| {
            refused.push(format!(
                "codegemma.{key}: expected {expected}, found {found}; the old value stays"
            ));
        };
        if let Some(value) = section.get("maxTokens") {
            match value.as_u64().map(usize::try_from) {
                Some(Ok(tokens)) if tokens > 0 => self.max_tokens = tokens,
                _ => refuse("maxTokens", "a number above 0", value),
            }
        }
        if let Some(value) = section.get("deadlineMs") {
            match value.as_u64() {
                Some(millis) if millis > 0 => self.deadline = Duration::from_millis(millis),
                _ => refuse("deadlineMs", "a number of milliseconds above 0", value),
            }
        }
        if let Some(value) = section.get("multiline") {
            match value.as_str().and_then(Multiline::from_name) {
                Some(multiline) => self.multiline = multiline,
                None => refuse("multiline", "\"auto\", \"never\" or \"always\"", value),
            }
        }
        match section.get("languages") {
            None => {}
            Some(Value::Object(languages)) => {
                for (language, value) in languages {
                    match value.get("enabled").map(Value::as_bool) {
                        None => {}
                        Some(Some(true)) => {
                            self.disabled.remove(language);
                        }
                        Some(Some(false)) => {
                            self.disabled.insert(language.clone());
                        }
                        Some(None) => refuse(&format!("languages.{language}.enabled"), "true or false", value),
                    }
                }
            }
            Some(value) => refuse("languages", "an object with an entry for each language", value),
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_taken_over() {
        let mut settings = Settings::default();
        let section = json!({
            "maxTokens": 7, "deadlineMs": 100, "multiline": "never", "theme": 1,
            "languages": {"markdown": {"enabled": false}, "rust": {"enabled": true}},
        });
        assert_eq!(settings.update(&section), Vec::<String>::new());
        assert_eq!(
            (settings.max_tokens, settings.deadline),
            (7, Duration::from_millis(100))
        );
        assert_eq!(settings.multiline, Multiline::Never);
        assert!(!settings.is_enabled("markdown") && settings.is_enabled("rust"));
        assert!(
            settings
                .update(&json!({"languages": {"markdown": {"enabled": true}}}))
                .is_empty()
        );
        assert!(settings.is_enabled("markdown"));
    }

    #[test]
    fn a_wrong_value_is_named_and_the_old_one_stays() {
        let mut settings = Settings::default();
        let section = json!({
            "maxTokens": -1, "deadlineMs": "fast", "multiline": true, "languages": {"c": {"enabled": 1}},
        });
        let refused = settings.update(&section);
        assert_eq!(refused.len(), 4, "{refused:?}");
        assert!(
            refused[0].starts_with("codegemma.maxTokens: expected a number above 0, found -1"),
            "{refused:?}"
        );
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.update(&json!([1])).len(), 1);
        assert_eq!(settings.update(&json!({"languages": []})).len(), 1);
    }
}
