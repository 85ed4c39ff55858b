//! No planted secret is left after redaction, in whatever kind of file it stands, nor in what the server shows the model.
//!
//! The secrets are made here from parts, so that none that looks real stands in the repository.

use codegemma_lsp::policy::secrets::{STAND_IN, find, redact};
use codegemma_tests::{Client, position, repository, uri};
use serde_json::json;

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";
const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The same numbers in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        (0..length)
            .map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())]))
            .collect()
    }
}

/// What a key of a service starts with, the characters that follow, and how many.
const SERVICES: &[(&[&str], &str, usize)] = &[
    (&["AK", "IA"], BASE32, 16),
    (&["AS", "IA"], BASE32, 16),
    (&["gh", "p_"], BASE62, 36),
    (&["gh", "s_"], BASE62, 36),
    (&["github", "_pat_"], BASE62, 60),
    (&["gl", "pat-"], BASE62, 20),
    (&["xo", "xb-"], BASE62, 40),
    (&["xa", "pp-"], BASE62, 40),
    (&["sk", "_live_"], BASE62, 24),
    (&["rk", "_test_"], BASE62, 24),
    (&["wh", "sec_"], BASE62, 32),
    (&["AI", "za"], BASE62, 35),
    (&["GOC", "SPX-"], BASE62, 28),
    (&["ya", "29."], BASE62, 60),
    (&["sk-", "ant-"], BASE62, 60),
    (&["sk-", "proj-"], BASE62, 60),
    (&["sk", "-"], BASE62, 48),
    (&["gs", "k_"], BASE62, 50),
    (&["h", "f_"], BASE62, 34),
    (&["r", "8_"], BASE62, 37),
    (&["np", "m_"], BASE62, 36),
    (&["py", "pi-"], BASE62, 120),
    (&["ruby", "gems_"], HEX, 48),
    (&["dckr", "_pat_"], BASE62, 27),
    (&["S", "K"], HEX, 32),
    (&["ke", "y-"], HEX, 32),
    (&["do", "p_v1_"], HEX, 64),
    (&["shp", "at_"], HEX, 32),
    (&["lin", "_api_"], BASE62, 40),
    (&["da", "pi"], HEX, 32),
    (&["hv", "s."], BASE62, 30),
    (&["AGE-", "SECRET-KEY-1"], UPPER, 58),
];

/// How a file of a kind writes a value, under a name that says nothing and under one that says that it is secret.
const FORMS: &[(&str, &str, &str)] = &[
    ("Rust", "let value = \"@\";", "let db_password: &str = \"@\";"),
    ("Python", "value = '@'", "DB_PASSWORD = '@'"),
    ("TypeScript", "send({ value: `@` });", "send({ apiPassword: \"@\" });"),
    ("Go", "value := \"@\"", "password := \"@\""),
    ("Java", "client.use(\"@\");", "client.setPassword(\"@\");"),
    ("C", "#define VALUE \"@\"", "static const char password[] = \"@\";"),
    ("YAML", "value: @", "  - db-password: @  # old"),
    ("TOML", "value = \"@\"", "password = \"@\""),
    ("JSON", "{\"value\": \"@\"}", "{\"password\": \"@\", \"x\": 1}"),
    (".env", "VALUE=@", "DB_PASSWORD=@"),
    ("properties", "a.value=@", "spring.datasource.password=@"),
    ("shell", "run --value @", "export DB_PASSWORD=@"),
    ("Dockerfile", "ENV VALUE=@", "ENV DB_PASSWORD @"),
    ("SQL", "SELECT '@';", "CREATE USER me IDENTIFIED BY '@';"),
    ("HTTP", "Authorization: Bearer @", "POST /login?user=me&password=@"),
    ("URL", "get(\"https://host/?x=@\")", "get(\"postgres://me:@@host/x\")"),
];

/// A file of each kind, and the secrets that are planted in it.
fn corpus() -> Vec<(&'static str, String, Vec<String>)> {
    let mut dice = Dice(0x5eed_5eed_5eed);
    let mut corpus = Vec::new();
    for &(kind, plain, named) in FORMS {
        let mut text = String::new();
        let mut secrets = Vec::new();
        let mut plant = |line: &str, secret: String| {
            text.push_str("x\n");
            text.push_str(&line.replacen('@', &secret, 1));
            text.push('\n');
            secrets.push(secret);
        };
        for (prefix, alphabet, length) in SERVICES {
            plant(plain, prefix.concat() + &dice.text(alphabet, *length));
        }
        for length in [8, 12, 20, 32, 64] {
            // What a person is made to choose has letters and digits.
            plant(named, format!("k{}7", dice.text(BASE62, length)));
        }
        corpus.push((kind, text, secrets));
    }
    corpus
}

/// Whether half of a secret is in a text.
fn shows(text: &str, secret: &str) -> bool {
    let half = secret.len().div_ceil(2);
    text.contains(&secret[..half]) || text.contains(&secret[secret.len() - half..])
}

/// The secrets of one round: in a file, in a buffer that is not saved, and in an edit.
const PLACES: usize = 3;
const IN_A_PLACE: usize = 3;
const ROUNDS: usize = 24;

/// In each round a document imports a file and an open buffer, and is edited; all three have secrets in them, which the
/// model is to see the stand-ins of.
#[test]
fn no_planted_secret_is_in_a_prompt_or_a_suggestion() {
    let mut dice = Dice(0x91a_47ed);
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::ready_in(folder.path(), json!({"maxTokens": 12, "deadlineMs": 600_000}));
    let mut planted = Vec::new();
    for round in 0..ROUNDS {
        let mut code = || {
            let mut lines = String::new();
            for at in 0..IN_A_PLACE {
                let number = planted.len();
                let (name, secret) = if at == 0 {
                    ("db_password", format!("k{}7", dice.text(BASE62, 10 + number % 20)))
                } else {
                    let (prefix, alphabet, length) = SERVICES[number % SERVICES.len()];
                    ("value", prefix.concat() + &dice.text(alphabet, length))
                };
                lines += &format!("    {name} = '{secret}'\n");
                planted.push(secret);
            }
            lines
        };
        let (in_file, in_buffer, in_edit) = (code(), code(), code());
        let path = |name: &str| folder.path().join(format!("{name}_{round}.py"));
        std::fs::write(path("file"), format!("def first(side):\n{in_file}")).unwrap();
        std::fs::write(path("buffer"), "def second(side):\n    pass\n").unwrap();
        let main = format!("from file_{round} import first\nfrom buffer_{round} import second\n\n\ndef main():\n");
        std::fs::write(path("main"), &main).unwrap();
        let end = format!(
            "    print(first(3), second(4))\n    db_password = '{}",
            dice.text(BASE62, 3)
        );
        client.open(&uri(&path("buffer")), &format!("def second(side):\n{in_buffer}"));
        client.open(&uri(&path("main")), &format!("{main}{end}"));
        client.insert(&uri(&path("main")), 2, &position(5, 0), &in_edit);
        let at = position(6 + IN_A_PLACE, end.lines().last().unwrap().len());
        let document = uri(&path("main"));
        let names = ["file", "buffer"].map(|name| format!("{name}_{round}.py\n"));
        let mut prompt = String::new();
        for _ in 0..600 {
            prompt = client.explain(&document, &at)["prompt"].as_str().unwrap().to_owned();
            if names.iter().all(|name| prompt.contains(name)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let stand_ins = prompt.matches(STAND_IN).count();
        assert!(
            stand_ins >= PLACES * IN_A_PLACE,
            "round {round}: {stand_ins} in\n{prompt}"
        );
        let items = json!(client.inline(&document, &at)).to_string();
        for secret in &planted {
            assert!(!shows(&prompt, secret), "round {round}: {secret} in\n{prompt}");
            assert!(!shows(&items, secret), "round {round}: {secret} in {items}");
        }
        for name in ["buffer", "main"] {
            let closed = json!({"textDocument": {"uri": uri(&path(name))}});
            client.notify("textDocument/didClose", closed);
        }
    }
    assert!(planted.len() >= 200, "{} secrets", planted.len());
}

#[test]
fn no_planted_secret_is_left() {
    let mut count = 0;
    for (kind, text, secrets) in corpus() {
        let redacted = redact(&text);
        for secret in secrets {
            assert!(!shows(&redacted, &secret), "{kind}: {secret}\n{redacted}");
            count += 1;
        }
        assert_eq!(text.lines().count(), redacted.lines().count(), "{kind}");
    }
    assert!(count >= 200, "{count} secrets");
}

#[test]
fn a_cut_text_has_the_redactions_of_the_whole() {
    let mut dice = Dice(0xc07);
    let edge = |kind: &str| format!("-----{kind} RSA {} KEY-----\n", "PRIVATE");
    let mut key = edge("BEGIN");
    for length in [64, 64, 64, 64, 30] {
        key.push_str(&dice.text(BASE62, length));
        key.push('\n');
    }
    key.push_str(&edge("END"));
    let texts = corpus().into_iter().map(|(_, text, _)| text);
    for text in texts.chain([format!("a = 1\n{key}b = 2\n{key}")]) {
        let whole = redact(&text).into_owned();
        let mut cut = (text.as_str(), whole.as_str());
        while let Some((rest, redacted)) = cut
            .0
            .split_once('\n')
            .zip(cut.1.split_once('\n'))
            .map(|(a, b)| (a.1, b.1))
        {
            assert_eq!(redact(rest), redacted);
            let before = &text[..text.len() - rest.len()];
            assert_eq!(redact(before), whole[..whole.len() - redacted.len()]);
            cut = (rest, redacted);
        }
    }
}

#[test]
fn the_sources_of_this_project_have_nothing_to_redact() {
    let mut folders = ["server/src", "model/src", "tests"]
        .map(|folder| repository().join(folder))
        .to_vec();
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // What the fuzzer builds is not ours.
                if !path.ends_with("fuzz/target") {
                    folders.push(path);
                }
                continue;
            }
            let is_source = path
                .extension()
                .is_some_and(|end| end == "rs" || end == "py" || end == "toml");
            // The examples in the tests of the redaction are to be redacted.
            if !is_source || path.ends_with("secrets/tests.rs") || path.ends_with("tests/secrets.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let found: Vec<&str> = find(&text).into_iter().map(|range| &text[range]).collect();
            assert!(found.is_empty(), "{}: {found:?}", path.display());
            files += 1;
        }
    }
    assert!(files > 50, "only {files} files");
}
