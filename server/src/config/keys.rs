//! What can be set: one description of each key, as data. Checking values, naming unknown keys, the flags' help,
//! `doctor` and the README's table all come from it.
//!
//! Pure. It must not know where a value comes from or what it does.

use serde_json::Value;

/// A key, as data.
pub(crate) struct Key {
    /// Its name, with dots between the tables. `<id>` stands for any language's name.
    pub name: &'static str,
    /// What its value may be.
    pub kind: KeyKind,
    /// What holds where it is not set.
    pub default: Default,
    /// The flag that sets it too.
    pub flag: Option<&'static str>,
    /// Where it may be set.
    pub place: KeyPlace,
    /// What it does, as a phrase that goes on after a colon.
    pub help: &'static str,
}

/// What a key's value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// `true` or `false`.
    Switch,
    /// A whole number in a range, both ends included.
    Whole {
        /// The least.
        from: u64,
        /// The most.
        to: u64,
        /// What is counted, as in "a number of MiB"; may be empty.
        unit: &'static str,
    },
    /// A number from 0 to 1.
    Share,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A text that is not empty.
    Text,
    /// A list of texts. Several places that set it add up.
    Texts,
}

/// What holds where a key is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    /// This value, in JSON.
    Is(&'static str),
    /// What is found out when it is needed, in words.
    Found(&'static str),
}

/// Where a key may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyPlace {
    /// Everywhere.
    Everywhere,
    /// Not in the file of a workspace that the user does not trust: it chooses a path, a device or memory.
    Trusted,
    /// In the user's own file only.
    UserFile,
    /// Among what the client says when it starts only.
    ClientStart,
}

const TOKENS: KeyKind = KeyKind::Whole {
    from: 1,
    to: 8192,
    unit: "",
};

const MULTILINE: KeyKind = KeyKind::Choice(&["auto", "never", "always"]);

/// All keys.
pub(crate) static KEYS: &[Key] = &[
    Key {
        name: "enabled",
        kind: KeyKind::Switch,
        default: Default::Is("true"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "whether the server suggests anything",
    },
    Key {
        name: "model",
        kind: KeyKind::Text,
        default: Default::Found("the starter, a small model inside this program"),
        flag: Some("--model"),
        place: KeyPlace::Trusted,
        help: "a known name (starter, gemma-3-270m), a .gguf file, or a folder with config.json, safetensors and tokenizer.json",
    },
    Key {
        name: "device",
        kind: KeyKind::Choice(&["auto", "cpu"]),
        default: Default::Is("\"auto\""),
        flag: Some("--device"),
        place: KeyPlace::Trusted,
        help: "where the model runs; this build runs on the processor only",
    },
    Key {
        name: "gpuLayers",
        kind: KeyKind::Whole {
            from: 0,
            to: 0,
            unit: "",
        },
        default: Default::Is("0"),
        flag: Some("--gpu-layers"),
        place: KeyPlace::Trusted,
        help: "how many layers run on the GPU; this build runs on the processor only",
    },
    Key {
        name: "threads",
        kind: KeyKind::Whole {
            from: 1,
            to: 1024,
            unit: "",
        },
        default: Default::Found("one a core, less one where there are more than two"),
        flag: Some("--threads"),
        place: KeyPlace::Trusted,
        help: "how many threads compute",
    },
    Key {
        name: "cacheMiB",
        kind: KeyKind::Whole {
            from: 0,
            to: 1 << 20,
            unit: " of MiB",
        },
        default: Default::Found("an eighth of the memory, from 256 to 4096"),
        flag: Some("--cache-mib"),
        place: KeyPlace::Trusted,
        help: "how much memory the places that were completed last may keep, so that going back to one reads nothing again",
    },
    Key {
        name: "contextTokens",
        kind: KeyKind::Whole {
            from: 256,
            to: 131_072,
            unit: "",
        },
        default: Default::Found("8192, or what the model was trained for if that is less"),
        flag: Some("--context-tokens"),
        place: KeyPlace::Trusted,
        help: "the longest prompt and completion together, in tokens; what the model was trained for is the most",
    },
    Key {
        name: "maxTokens",
        kind: TOKENS,
        default: Default::Is("64"),
        flag: Some("--max-tokens"),
        place: KeyPlace::Everywhere,
        help: "the most tokens of a suggestion",
    },
    Key {
        name: "deadlineMs",
        kind: KeyKind::Whole {
            from: 1,
            to: 3_600_000,
            unit: " of milliseconds",
        },
        default: Default::Is("5000"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "when the server suggests what there is, up to a whole line or word; the rest is there for the next request",
    },
    Key {
        name: "firstTokenMs",
        kind: KeyKind::Whole {
            from: 0,
            to: 60_000,
            unit: " of milliseconds",
        },
        default: Default::Is("700"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "how long a request of an editor may read before the model writes; what takes longer is read meanwhile, and \
               until it is, the model sees the lines around the cursor",
    },
    Key {
        name: "idleShare",
        kind: KeyKind::Share,
        default: Default::Is("0.5"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "the share of the time that may go to reading and writing ahead while nothing is asked; none on battery, as far as the system tells (Linux does)",
    },
    Key {
        name: "multiline",
        kind: MULTILINE,
        default: Default::Is("\"auto\""),
        flag: Some("--multiline"),
        place: KeyPlace::Everywhere,
        help: "when a suggestion may be longer than a line; auto: on a blank line and after a brace or colon, where only closers follow",
    },
    Key {
        name: "confidence",
        kind: KeyKind::Share,
        default: Default::Found("by the model, so that most of what is shown is right"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "how likely a line has to be right to be shown unasked; 0 shows all",
    },
    Key {
        name: "exclude",
        kind: KeyKind::Texts,
        default: Default::Is("[]"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "files that the model never sees and where nothing is suggested, as patterns of .gitignore; all places add up",
    },
    Key {
        name: "context.openFiles",
        kind: KeyKind::Switch,
        default: Default::Is("true"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "whether the model sees other open files",
    },
    Key {
        name: "context.imports",
        kind: KeyKind::Switch,
        default: Default::Is("true"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "whether the model sees files that are imported",
    },
    Key {
        name: "context.recentEdits",
        kind: KeyKind::Switch,
        default: Default::Is("true"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "whether the model sees what was edited last",
    },
    Key {
        name: "languages.<id>.enabled",
        kind: KeyKind::Switch,
        default: Default::Found("as `enabled`"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "the same for one language, by the name that editors have for it",
    },
    Key {
        name: "languages.<id>.maxTokens",
        kind: TOKENS,
        default: Default::Found("as `maxTokens`"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "the same for one language",
    },
    Key {
        name: "languages.<id>.multiline",
        kind: MULTILINE,
        default: Default::Found("as `multiline`"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "the same for one language",
    },
    Key {
        name: "languages.<id>.confidence",
        kind: KeyKind::Share,
        default: Default::Found("as `confidence`"),
        flag: None,
        place: KeyPlace::Everywhere,
        help: "the same for one language",
    },
    Key {
        name: "trustedWorkspaces",
        kind: KeyKind::Texts,
        default: Default::Is("[]"),
        flag: None,
        place: KeyPlace::UserFile,
        help: "folders whose files, and those of the folders in them, may set everything; ~ is your home",
    },
    Key {
        name: "trustWorkspace",
        kind: KeyKind::Switch,
        default: Default::Is("false"),
        flag: None,
        place: KeyPlace::ClientStart,
        help: "whether the user trusts the open workspace, so that its file may set everything",
    },
];

/// What a name in a table stands for.
pub(crate) enum Found {
    /// A key.
    Key(&'static Key),
    /// A table with keys in it.
    Table,
    /// Nothing.
    Nothing,
}

/// What stands at this path of names.
pub(crate) fn find(path: &[&str]) -> Found {
    let begins = |key: &&Key| {
        let mut names = key.name.split('.');
        path.iter()
            .all(|given| names.next().is_some_and(|name| name == "<id>" || name == *given))
    };
    match KEYS.iter().filter(begins).min_by_key(|key| key.name.split('.').count()) {
        None => Found::Nothing,
        Some(key) if key.name.split('.').count() == path.len() => Found::Key(key),
        Some(_) => Found::Table,
    }
}

/// The key of this name, which must be one of them.
pub(crate) fn key(name: &str) -> &'static Key {
    let found = KEYS.iter().find(|key| key.name == name);
    found.unwrap_or_else(|| panic!("{name} is not described"))
}

/// The key, or the table of keys, that somebody may have meant who wrote this path, if one is near enough.
pub(crate) fn nearest(path: &[&str]) -> Option<String> {
    let language = match path {
        ["languages", language, ..] => language,
        _ => "<id>",
    };
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    let written = path.last()?;
    let whole = path.join(".");
    let rank = |name: &String| {
        let last = name.rsplit('.').next().unwrap_or_default();
        let distance = strsim::damerau_levenshtein(&plain(last), &plain(written));
        // With more than a third of the letters wrong it is another word.
        let near = last != "<id>" && distance * 3 <= last.len().min(written.len());
        near.then(|| (distance, strsim::damerau_levenshtein(name, &whole)))
    };
    let with_tables = KEYS.iter().flat_map(|key| {
        let ends = key.name.match_indices('.').map(|(at, _)| at);
        ends.chain([key.name.len()])
            .map(|end| key.name[..end].replace("<id>", language))
    });
    let ranked = with_tables.filter_map(|name| Some((rank(&name)?, name)));
    ranked.min().map(|(_, name)| name)
}

impl Key {
    /// Checks a value. The error is what was expected, as a phrase.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let texts = |value: &Value| match value.as_array() {
            Some(list) => list.iter().all(Value::is_string),
            None => false,
        };
        let number =
            |range: std::ops::RangeInclusive<f64>| value.as_f64().is_some_and(|number| range.contains(&number));
        let good = match self.kind {
            KeyKind::Switch => value.is_boolean(),
            KeyKind::Whole { from, to, .. } => value.as_u64().is_some_and(|number| (from..=to).contains(&number)),
            KeyKind::Share => number(0.0..=1.0),
            KeyKind::Choice(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            KeyKind::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            KeyKind::Texts => texts(value),
        };
        if good { Ok(()) } else { Err(self.expected(value)) }
    }

    /// A value from the text of a flag. The error is what was expected.
    pub(crate) fn parse(&self, text: &str) -> Result<Value, String> {
        let value = match self.kind {
            KeyKind::Switch | KeyKind::Whole { .. } | KeyKind::Share => text.parse::<Value>().unwrap_or(Value::Null),
            KeyKind::Choice(_) | KeyKind::Text | KeyKind::Texts => Value::from(text),
        };
        self.check(&value)
            .map_err(|expected| format!("expected {expected}"))
            .map(|()| value)
    }

    fn expected(&self, found: &Value) -> String {
        match self.kind {
            KeyKind::Switch => "true or false".to_owned(),
            KeyKind::Whole { from, to, .. } if from == to => from.to_string(),
            KeyKind::Whole { from, to, unit } => match found.as_u64() {
                Some(number) if number > to => format!("a number{unit} up to {to}"),
                _ if from == 0 => format!("a number{unit}"),
                _ => format!("a number{unit} above {}", from - 1),
            },
            KeyKind::Share => "a number from 0 to 1".to_owned(),
            KeyKind::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                match quoted.split_last() {
                    Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
                    _ => quoted.concat(),
                }
            }
            KeyKind::Text => "a text".to_owned(),
            KeyKind::Texts => "a list of texts".to_owned(),
        }
    }

    /// What its value may be, in words.
    #[cfg(test)]
    pub(crate) fn range(&self) -> String {
        match self.kind {
            KeyKind::Whole { from, to, .. } if from != to => format!("{from} to {to}"),
            _ => self.expected(&Value::Null),
        }
    }
}

impl std::fmt::Display for Default {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(text) | Self::Found(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests;
