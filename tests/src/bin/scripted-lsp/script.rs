//! What the model writes where. Pure: it must not know tokens.

use std::path::Path;

use serde::Deserialize;

/// How much of the text before the cursor a model may have to spell itself, in bytes: its last pieces are not shown to it,
/// so that it can choose longer ones.
const SPELLED: usize = 24;

/// Rules, the first of which holds where several do.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Script {
    rules: Vec<Rule>,
}

/// After one text come others, the likeliest first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    after: String,
    write: Vec<String>,
}

impl Script {
    /// Reads a script: `[{"after": "def area(self):", "write": ["\n    return 1"]}]`.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        let script: Self = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        match script.rules.iter().find(|rule| rule.after.is_empty()) {
            Some(_) => Err("a rule must say after which text it holds".to_owned()),
            None => Ok(script),
        }
    }

    /// How many bytes before a place decide what is written there, at the most.
    pub(crate) fn reach(&self) -> usize {
        let longest = |rule: &Rule| rule.after.len() + rule.write.iter().map(String::len).max().unwrap_or(0);
        self.rules.iter().map(longest).max().unwrap_or(0)
    }

    /// What may be written after some bytes, the likeliest first; nothing where no rule holds. Empty is the end.
    pub(crate) fn after(&self, seen: &[u8]) -> Vec<Vec<u8>> {
        let mut found: Vec<(usize, Vec<u8>)> = Vec::new();
        for rule in &self.rules {
            for write in &rule.write {
                let whole = [rule.after.as_bytes(), write.as_bytes()].concat();
                let least = rule.after.len().saturating_sub(SPELLED).max(1);
                let read = (least..=whole.len()).rev().find(|len| seen.ends_with(&whole[..*len]));
                found.extend(read.map(|len| (len, whole[len..].to_vec())));
            }
        }
        let most = found.iter().map(|(len, _)| *len).max();
        found.retain(|(len, _)| Some(*len) == most);
        found.into_iter().map(|(_, rest)| rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &str, seen: &str, expected: &[&str]) {
        let script: Script = serde_json::from_str(rules).expect("a script");
        let rests = script.after(seen.as_bytes());
        let rests: Vec<_> = rests.iter().map(|rest| str::from_utf8(rest).expect("text")).collect();
        assert_eq!(rests, expected, "after {seen:?}");
    }

    const RULES: &str = r#"[
        {"after": "return ", "write": ["width", "height"]},
        {"after": "return w", "write": ["ide"]}
    ]"#;

    #[test]
    fn a_rule_holds_after_its_text_and_while_what_it_writes_is_typed() {
        check(RULES, "    return ", &["width", "height", "wide"]);
        check(RULES, "    return he", &["ight"]);
        check(RULES, "    return width", &[""]);
        check(RULES, "x = ", &[]);
    }

    #[test]
    fn the_model_spells_the_end_of_the_text_where_it_is_not_shown() {
        check(RULES, "    ret", &["urn width", "urn height", "urn wide"]);
    }

    #[test]
    fn what_matches_most_comes_first() {
        check(RULES, "return wi", &["dth", "de"]);
        check(RULES, "return wid", &["th", "e"]);
    }
}
