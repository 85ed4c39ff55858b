//! Secrets are planted in documents, in every form and way of writing, with the cursor in every kind of place, and none of
//! them is in what the model would be shown. They are made up here from the forms, so that none stands in the repository.
//!
//! `CODEGEMMA_PLANTED=7000` plants so many instead of a sample.

use std::sync::Arc;

use codegemma_model::ModelInfo;

use super::*;
use crate::completion::plan::{self, Wanted};
use crate::completion::reason::Reason;
use crate::completion::snapshot::Snapshot;
use crate::completion::trigger::{Multiline, Trigger};

/// So many characters in a row of a secret tell something of it.
const TELLING: usize = 8;

/// The same numbers in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(self.one_of(alphabet))).collect()
    }

    /// A key of such a form, and where its free part begins.
    fn key(&mut self, form: &str) -> (String, usize) {
        let (mut key, mut free) = (String::new(), None);
        let mut rest = form.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' => key.extend(rest.next()),
                '[' => {
                    let class: String = rest.by_ref().take_while(|c| *c != ']').collect();
                    let count = match rest.clone().next() {
                        Some('{') => rest.by_ref().skip(1).take_while(|c| *c != '}').collect(),
                        _ => "1".to_owned(),
                    };
                    let least = count.split(',').next().unwrap().parse().unwrap();
                    free.get_or_insert(key.len());
                    key += &self.text(&alphabet(&class), least);
                }
                c => key.push(c),
            }
        }
        (key, free.unwrap_or_default())
    }
}

/// The characters of a class, where a range stands for its ends and what is between them.
fn alphabet(class: &str) -> Vec<u8> {
    let bytes = class.as_bytes();
    let mut alphabet = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes.get(at + 1..at + 3) {
            Some([b'-', last]) => {
                alphabet.extend(bytes[at]..=*last);
                at += 3;
            }
            _ => {
                alphabet.push(bytes[at]);
                at += 1;
            }
        }
    }
    alphabet
}

/// How a value is written under a name that says nothing, and under one that says what it is.
const PLAIN: &[&str] = &[
    "let value = \"@\";",
    "value = '@'",
    "send({ value: `@` });",
    "value := \"@\"",
    "client.use(\"@\");",
    "value: @",
    "{\"value\": \"@\"}",
    "VALUE=@",
    "run --value @",
    "Authorization: Bearer @",
    "# see @",
    "<value>@</value>",
    "x = '''@'''",
    "get(\"https://host/?x=@\")",
    "x = \\\n    \"@\"",
    "value: >-\n  @",
];
const NAMED: &[&str] = &[
    "let db_password: &str = \"@\";",
    "DB_PASS = '@'",
    "send({ apiPassword: \"@\" });",
    "client.setPassword(\"@\");",
    "  - db-password: @  # old",
    "{\"password\": \"@\", \"x\": 1}",
    "export DB_PASSWORD=@",
    "ENV DB_PASSWORD @",
    "- name: DB_PASSWORD\n  value: @",
    "password: >-\n  @",
    "password: |\n  @\nuser: me",
    "password = '''@'''",
    "password = \"\"\"\n@\n\"\"\"",
    "<add key=\"Password\" value=\"@\" />",
    "{\"Name\": \"DB_PASSWORD\", \"Value\": \"@\"}",
    "PASSWORD = \\\n    \"@\"",
    "\"Server=db;User Id=me;Password=@;Encrypt=true\"",
    "get(\"postgres://me:@@host/x\")",
    "kind: Secret\ndata:\n  a: @\n",
    "<string name=\"password\">@</string>",
    "define('DB_PASSWORD', '@');",
    "variable \"db_password\" {\n  default = \"@\"\n}",
    "$env:SMTP_PASS = \"@\"",
    "smtp.pass=@",
    "-----BEGIN PRIVATE KEY-----\n@\n@",
];

/// A secret in a text.
struct Planted {
    text: String,
    /// Where it stands there.
    at: usize,
    secret: String,
    /// Where its free part begins.
    free: usize,
    /// Something before its free part says that it is one.
    announced: bool,
}

fn plant(dice: &mut Dice, number: usize) -> Planted {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let forms = secrets::forms();
    let (way, secret, free) = match number % 3 {
        // What a person is made to choose has letters and digits.
        0 => {
            let length = 8 + dice.below(40);
            let secret = format!("k7{}{}", dice.text(BASE62, length / 2), dice.text(BASE62, length / 2));
            (NAMED[number / 3 % NAMED.len()], secret, 0)
        }
        1 if number.is_multiple_of(9) => ("master_key = \"@\"", dice.text(LETTERS, 28), 0),
        _ => {
            // One in many thousands looks like words in small letters, and is taken for them.
            let form = forms[number % forms.len()];
            let is_odd = |(key, free): &(String, usize)| key[*free..].bytes().any(|b| b.is_ascii_digit());
            let odd = std::iter::repeat_with(|| dice.key(form)).take(8).find(is_odd);
            let (key, free) = odd.unwrap_or_else(|| dice.key(form));
            (dice.one_of(PLAIN), key, free)
        }
    };
    let filler = |dice: &mut Dice| {
        let line = dice.one_of(&[
            "    total += width * height\n",
            "for each in rows:\r\n",
            "\n",
            "}\n",
            "// a comment\n",
        ]);
        line.repeat(dice.below(if number.is_multiple_of(2) { 4 } else { 200 }))
    };
    let (above, below) = (filler(dice), filler(dice));
    let at = way.find('@').unwrap();
    let line = match way.matches('@').count() {
        // A key of several lines.
        2 if way.starts_with('-') => way.replacen('@', &secret, 1).replace('@', "k7"),
        _ => way.replacen('@', &secret, 1),
    };
    Planted {
        at: above.len() + at,
        text: format!("{above}{line}\n{below}"),
        announced: free > 0 || NAMED.contains(&way) || way.starts_with("master"),
        secret,
        free,
    }
}

fn model(context_tokens: usize) -> ModelInfo {
    ModelInfo {
        name: "test".to_owned(),
        architecture: "gemma".to_owned(),
        quantization: "F32".to_owned(),
        context_tokens,
        fill_in_the_middle: true,
    }
}

fn snapshot(text: &str, offset: usize) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        text: Rope::from_str(text),
        offset,
        ..Snapshot::default()
    })
}

/// What the model is shown with the cursor there; nothing where it is not asked.
fn asked(snapshot: &Arc<Snapshot>, anchor: &Anchor, context_tokens: usize) -> Result<String, Reason> {
    let wanted = Wanted {
        multiline: Multiline::Auto,
        trigger: Trigger::Invoked,
        confidence: None,
        shift: 0.0,
    };
    let plan = plan::plan(snapshot, Some(anchor), &model(context_tokens), wanted)?;
    let prompt = plan.prompt();
    Ok([&*prompt.prefix, &prompt.typed, &prompt.suffix].concat())
}

#[track_caller]
fn hides(shown: &str, secret: &str, what: &str, text: &str) {
    let bytes = secret.as_bytes();
    for part in bytes.windows(TELLING) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(
            !shown.contains(part),
            "{what}: {part} of {secret} in\n{shown}\nof\n{text}"
        );
    }
}

#[test]
fn no_planted_secret_is_shown_wherever_the_cursor_and_the_cuts_are() {
    let count = std::env::var("CODEGEMMA_PLANTED").map_or(400, |count| count.parse().unwrap());
    let mut dice = Dice(0x5eed_c0de);
    for number in 0..count {
        let Planted {
            text, at, secret, free, ..
        } = plant(&mut dice, number);
        let told = &secret[free..];
        let end = at + secret.len();
        let line_end = text[end..].find('\n').map_or(text.len(), |line| end + line);
        let inside = at + 1 + dice.below(secret.len());
        let elsewhere = text.floor_char_boundary(dice.below(text.len() + 1));
        for cursor in [at, inside, end, line_end, line_end + 1, elsewhere] {
            for context_tokens in [40, 4096] {
                let snapshot = snapshot(&text, cursor.min(text.len()));
                let anchor = Anchor::new(&snapshot.text, snapshot.offset, context_tokens);
                let what = format!("{number}, cursor at {cursor} of {at}..{end}, {context_tokens}");
                let answer = asked(&snapshot, &anchor, context_tokens);
                match &answer {
                    Ok(shown) => hides(shown, told, &what, &text),
                    Err(reason) => assert_eq!(*reason, Reason::Secret, "{what}"),
                }
                assert!(
                    answer.is_err() || !(at < cursor && cursor < end),
                    "{what}: asked in\n{text}"
                );
                // What is read in idle time is shown, too.
                let read = plan::prompt(&snapshot, &anchor, context_tokens);
                hides(&[read.prefix, read.typed, read.suffix].concat(), told, &what, &text);
            }
        }
    }
}

#[test]
fn what_is_typed_into_or_around_a_secret_shows_nothing_of_it() {
    let count = std::env::var("CODEGEMMA_PLANTED").map_or(60, |count| count.parse::<usize>().unwrap() / 7);
    let mut dice = Dice(518_637);
    for number in 0..count {
        let Planted {
            text,
            at,
            secret,
            free,
            announced,
        } = plant(&mut dice, number);
        let (told, end) = (&secret[free..], at + secret.len());
        // The user types into the middle of it.
        let cursor = at + secret.len() / 2;
        let snapshot_before = snapshot(&text, cursor);
        let mut anchor = Anchor::new(&snapshot_before.text, cursor, 4096);
        assert_eq!(
            asked(&snapshot_before, &anchor, 4096).err(),
            Some(Reason::Secret),
            "{number}: {text}"
        );
        for typed in ["z", "zz", "zz \"", "zz \"\n"] {
            let text = format!("{}{typed}{}", &text[..cursor], &text[cursor..]);
            let snapshot = snapshot(&text, cursor + typed.len());
            anchor = anchor.follow(&snapshot.text, snapshot.offset, 4096).0;
            if let Ok(shown) = asked(&snapshot, &anchor, 4096) {
                hides(&shown, told, &format!("{number}, typed {typed:?}"), &text);
            }
        }
        // The user writes it, one character after the other, and what stood there before is gone.
        let before = snapshot(&format!("{}{}", &text[..at], &text[end..]), at);
        let mut anchor = Anchor::new(&before.text, at, 4096);
        for written in (1..=secret.len()).filter(|_| announced) {
            let text = format!("{}{}{}", &text[..at], &secret[..written], &text[end..]);
            let snapshot = snapshot(&text, at + written);
            anchor = anchor.follow(&snapshot.text, snapshot.offset, 4096).0;
            if let Ok(shown) = asked(&snapshot, &anchor, 4096) {
                hides(&shown, told, &format!("{number}, {written} written"), &text);
            }
        }
    }
}

#[test]
fn what_becomes_a_secret_is_hidden_in_what_was_shown_before() {
    // The value stood there already; the name is typed below and above it.
    let value = "q9vT2kLx0PzR7mWb";
    for (before, typed, after) in [
        (format!("- value: {value}\n  name: "), "DB_PASSWORD", "\n".to_owned()),
        ("- name: ".to_owned(), "DB_PASSWORD", format!("\n  value: {value}\n")),
        (String::new(), "password = ", format!("\n    \"{value}\"\n")),
        (String::new(), "x = 1\nkind: Secret", format!("\ndata:\n  a: {value}\n")),
    ] {
        let first = snapshot(&format!("{before}{after}"), before.len());
        let anchor = Anchor::new(&first.text, first.offset, 4096);
        let shown = asked(&first, &anchor, 4096).unwrap();
        assert!(shown.contains(value), "{shown}");
        let second = snapshot(&format!("{before}{typed}{after}"), before.len() + typed.len());
        let (kept, moved) = anchor.follow(&second.text, second.offset, 4096);
        assert_eq!(moved, None);
        if let Ok(shown) = asked(&second, &kept, 4096) {
            assert!(!shown.contains(value), "{shown}");
        }
    }
}

#[test]
fn where_there_is_no_secret_all_is_shown() {
    let text = "fn a() {\r\n    b(1);\r\n}\r\n";
    for cursor in [0, 10, 15, text.len()] {
        let snapshot = snapshot(text, cursor);
        let anchor = Anchor::new(&snapshot.text, cursor, 4096);
        assert_eq!(asked(&snapshot, &anchor, 4096).unwrap(), text.replace("\r\n", "\n"));
    }
}
