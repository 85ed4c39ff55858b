//! What a keystroke costs: counted tokens, not time.

use codegemma_tests::{Client, Encoding, GEMMA, MODEL, position};
use serde_json::{Value, json};

const URI: &str = "file:///project/shapes.py";

/// What the user types into the middle of a file, an edit at a time.
enum Edit {
    /// A character at the cursor.
    Key(char),
    /// An opening bracket, to which the editor adds the closing one behind the cursor.
    Paired(&'static str),
    /// A bracket that the editor put there is typed over.
    Over,
    Backspace,
}

fn keys(text: &str) -> impl Iterator<Item = Edit> + '_ {
    text.chars().map(Edit::Key)
}

/// A method, with a slip of the fingers and paired brackets.
fn edits() -> Vec<Edit> {
    let mut edits: Vec<Edit> = keys("    def scale").collect();
    edits.push(Edit::Paired("()"));
    edits.extend(keys("self, factor"));
    edits.push(Edit::Over);
    edits.extend(keys(":\n        self.width = self.widht"));
    edits.extend((0..2).map(|_| Edit::Backspace));
    edits.extend(keys(
        "th * factor\n        self.height = self.height * factor\n        return self",
    ));
    edits
}

fn method(name: &str, number: usize) -> String {
    format!("    def {name}_{number}(self, other):\n        return self.width * {number} + other.{name}\n\n")
}

/// A server and a document with a cursor in it.
struct Desk {
    client: Client,
    version: i64,
    line: usize,
    column: usize,
}

impl Desk {
    fn insert(&mut self, text: &str) {
        self.version += 1;
        let at = position(self.line, self.column);
        self.client.insert(URI, self.version, &at, text);
    }

    fn perform(&mut self, edit: &Edit) {
        match edit {
            Edit::Key('\n') => {
                self.insert("\n");
                (self.line, self.column) = (self.line + 1, 0);
            }
            Edit::Key(key) => {
                self.insert(&key.to_string());
                self.column += 1;
            }
            Edit::Paired(pair) => {
                self.insert(pair);
                self.column += 1;
            }
            Edit::Over => self.column += 1,
            Edit::Backspace => {
                self.version += 1;
                self.column -= 1;
                let range =
                    json!({"start": position(self.line, self.column), "end": position(self.line, self.column + 1)});
                self.client
                    .change(URI, self.version, json!([{"range": range, "text": ""}]));
            }
        }
    }

    /// What a request at the cursor took.
    fn ask(&mut self) -> Value {
        self.client.inline(URI, &position(self.line, self.column));
        self.client.last_request()
    }
}

fn count(request: &Value, name: &str) -> u64 {
    request[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {request}"))
}

/// Types, asks at each keystroke, and looks at what was forwarded.
#[track_caller]
fn check(model: &str) {
    let settings = json!({"maxTokens": 6, "deadlineMs": 600_000});
    let mut client = Client::ready_with(model, Encoding::Utf16, settings);
    let above: String = (0..12).map(|number| method("area", number)).collect();
    let below: String = (0..12).map(|number| method("edge", number)).collect();
    let text = format!("class Shape:\n{above}\n{below}");
    client.open(URI, &text);
    let mut desk = Desk {
        client,
        version: 1,
        line: 1 + 3 * 12,
        column: 0,
    };
    let first = desk.ask();
    assert!(count(&first, "forwarded_tokens") > 200, "{first}");
    let mut forwarded = Vec::new();
    let (mut prompt, mut reused) = (0, 0);
    for edit in edits() {
        desk.perform(&edit);
        let request = desk.ask();
        match request["source"].as_str() {
            Some("model") => {
                assert_eq!(request["anchor"], "kept", "{request}");
                prompt += count(&request, "prompt_tokens");
                reused += count(&request, "reused_tokens");
                forwarded.push(count(&request, "forwarded_tokens"));
            }
            // A cursor inside a word is not asked about, and what agrees with a suggestion needs no model.
            _ => assert_eq!(count(&request, "forwarded_tokens"), 0, "{request}"),
        }
    }
    assert!(forwarded.len() > 15, "the model was asked {} times", forwarded.len());
    forwarded.sort_unstable();
    let (median, most) = (forwarded[forwarded.len() / 2], forwarded[forwarded.len() * 95 / 100]);
    assert!(
        median <= 2 && most <= 8,
        "median {median}, 95th percentile {most}: {forwarded:?}"
    );
    assert!(
        reused * 100 >= prompt * 97,
        "{reused} of {prompt} prompt tokens were reused"
    );
}

#[test]
fn a_keystroke_costs_a_few_tokens_with_fill_in_the_middle() {
    check(MODEL);
}

#[test]
fn a_keystroke_costs_a_few_tokens_without_it() {
    check(GEMMA);
}
