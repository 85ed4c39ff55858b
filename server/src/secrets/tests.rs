use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::*;

/// `«` and `»` stand around what has to go.
#[track_caller]
fn check(marked: &str) {
    let text = marked.replace(['«', '»'], "");
    let mut expected = String::new();
    for (i, part) in marked.split(['«', '»']).enumerate() {
        expected.push_str(if i % 2 == 1 { STAND_IN } else { part });
    }
    assert_eq!(redact(&text), expected, "{marked}");
    assert_eq!(redact(&expected), expected, "a second time: {marked}");
    assert_eq!(has_secret(&text), marked.contains('«'));
}

#[test]
fn values_go_and_the_code_around_them_stays() {
    check("password = \"«hunter2»\"");
    check("let password: &str = \"«hunter2»\";");
    check("    db_password: '«Tr0ub4dor&3»'");
    check("{\"password\": \"«hunter2x»\", \"user\": \"me\"}");
    check("config[\"secret\"] = '«q9vT2kLx0PzR»'");
    check("setProperty(\"db.password\", \"«hunter2»\")");
    check("DB_PASSWORD=«hunter2»\nUSER=me");
    check("export API_TOKEN=«q9vT2kLx0PzR7mWb»");
    check("mysql --password=«hunter2» -u root");
    check("api.token = «q9vT2kLx0PzR7mWb»");
    check("#define API_TOKEN \"«q9vT2kLx0PzR7mWb»\"");
    check("CREATE USER me IDENTIFIED BY '«hunter2»';");
    check("url = \"postgres://me:«hunter2»@db.local/x\"");
    check("Authorization: Bearer «q9vT2kLx0PzR7mWb»");
    check("let secret = String::from(\"«q9vT2kLx0PzR7mWb»\");");
    check("<password>«hunter2»</password>");
    check("POST /login?user=me&password=«hunter2»&x=1");
    check("machine host login me password «hunter2»");
    check("curl -u me:«hunter2» https://host");
    check("Authorization: Basic «bWU6aHVudGVyMg==»");
}

#[test]
fn settings_need_no_quotes() {
    check("password: «hunter2»");
    check("  - db-password: «hunter2»  # the old one");
    check("db.password=«hunter2»\r\nuser=me");
    check("[db]\npassword = «hunter2»");
    check("export DB_PASSWORD=«hunter2»");
    check("ENV DB_PASSWORD «hunter2»");
    check("ARG db_password=«hunter2»");
    check("let password: hunter2 = x;");
    check("connect(password=hunter2, user=me)");
    check("self.password = read2(hunter)");
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "",
        "password = \"\"",
        "password = \"changeme\"",
        "password: changeme1",
        "password: ${DB_PASS2}",
        "DB_PASSWORD=$(cat pass2)",
        "password: !vault",
        "password: u64,",
        "password: *default2",
        "    let tokenizer_sha256 = \"q9vT2kLx0PzR7mWb\";",
        "TOKENIZER = \"q9vT2kLx0PzR7mWb\"",
        "the basic functionality",
        "Basic authentication1",
        "secret: c_long = __X32_SYSCALL_BIT + 447;",
        "'PasswordManager', 'AbstractBasicAuthHandlerFactory'",
        "token = \"<your-token>\"",
        "token: ${TOKEN_2}",
        "token = os.environ[\"API_TOKEN_2\"]",
        "password = os.getenv(\"DB_PASSWORD2\")",
        "let token = lexer.next_token2();",
        "password: String,",
        "let token: Token2 = Token2::new();",
        "sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
        "id = \"6f1e9a1c-8f9b-4d1e-9c1b-2f8a7e6d5c4b\"",
        "token_type = \"oauth2.bearer\"",
        "<input type=\"password\" id=\"pw2\">",
        "http://user:$PASSWORD@host",
        "https://example.com:8080/@scope/x",
        "// The token is 32 bytes long.",
        "if token == Token::Ident2 {",
    ] {
        check(text);
    }
}

/// Sixty-four characters of base64, different for each `i`.
fn base64_line(i: usize) -> String {
    "q9vT2kLx0PzR7mWbAc3dEf5gHi+jKl/n"
        .chars()
        .cycle()
        .skip(i)
        .take(64)
        .collect()
}

fn key_block() -> Vec<String> {
    let mut lines = vec![["-----BEGIN", "RSA PRIVATE KEY-----"].join(" ")];
    lines.extend((0..5).map(base64_line));
    lines.push("q9vT2kLx0P==".to_owned());
    lines.push(["-----END", "RSA PRIVATE KEY-----"].join(" "));
    lines
}

#[test]
fn private_keys_go_wherever_the_text_is_cut() {
    let lines = key_block();
    for indent in ["", "    ", "    \""] {
        for start in 0..lines.len() {
            for end in start + 1..=lines.len() {
                // One full line that stands alone, or with the short last one, is no block any more.
                let edges = start == 0 || end == lines.len();
                let full = end.min(6).saturating_sub(start.max(1));
                if !edges && full < 2 {
                    continue;
                }
                let text: String = lines[start..end].iter().fold(String::new(), |mut text, line| {
                    writeln!(text, "{indent}{line}").unwrap();
                    text
                });
                let redacted = redact(&text);
                for line in &lines[1..6] {
                    assert!(!redacted.contains(line), "{start}..{end}: {redacted}");
                }
                assert!(!edges || !redacted.contains(&lines[6]), "{start}..{end}: {redacted}");
            }
        }
    }
}

#[test]
fn lines_that_are_no_part_of_a_key_stay() {
    let text = format!("let a = 1;\n{}\nlet b = 2;\n", key_block().join("\n"));
    let redacted = redact(&text);
    assert!(redacted.starts_with("let a = 1;\n-----BEGIN"));
    assert!(redacted.ends_with("PRIVATE KEY-----\nlet b = 2;\n"), "{redacted}");
    assert_eq!(redacted.lines().count(), text.lines().count());
}

#[test]
fn each_line_is_redacted_by_itself() {
    let text = "password = \"hunter2\"\ntoken:\n  q9vT2kLx0PzR7mWb\nlet é = \"password\";\napi_key = 'q9vT2kLx0PzR7mWb'\r\nx\n";
    let apart: String = text.split_inclusive('\n').map(redact).collect();
    assert_eq!(redact(text), apart);
    assert!(apart.contains(STAND_IN));
}

#[test]
fn a_long_line_takes_no_longer_than_its_length() {
    for unit in [
        "password=",
        "password='\"",
        "password = ",
        "password: hunter2",
        "token='q9vT2kLx0PzR7mWb",
        "token: é",
        "://a:",
        "://a:b@",
        "eyJabcdefghijk",
        "-eyJabcdefghijk",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "-----END PRIVATE KEY-----\n",
        "AKIA",
        "Basic AAAA",
        "a/+",
        "curl -u ",
    ] {
        let line = unit.repeat(1_000_000 / unit.len());
        let start = Instant::now();
        drop(find(&line));
        // It takes less than a second without optimisation, and a quadratic search takes minutes.
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{unit}: {:?}",
            start.elapsed()
        );
    }
}
