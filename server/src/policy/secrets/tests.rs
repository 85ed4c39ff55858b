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
fn each_way_of_writing_a_value_is_known() {
    for marked in [
        // Kubernetes, YAML.
        "- name: DB_PASSWORD\n  value: «hunter2»\n- name: USER\n  value: me",
        "- name: API_TOKEN\n  value: \"«q9vT2kLx0PzR7mWb»\"",
        "- value: «hunter2»\n  name: DB_PASSWORD",
        "kind: Secret\ndata:\n  a: «aHVudGVyMg==»\n  b: «c2VzYW1l»\nmetadata:\n  name: x\n---\ndata:\n  a: aHVudGVyMg==",
        "apiVersion: v1\ndata:\n  a: «aHVudGVyMg==»\nkind: Secret",
        "kind: Secret\nstringData:\n  a.conf: |\n    «first-line»\n    «second»\ntype: Opaque",
        "{\n  \"kind\": \"Secret\",\n  \"data\": {\n    \"a\": \"«aHVudGVyMg==»\"\n  },\n  \"type\": \"Opaque\"\n}",
        "password: >-\n  «hunter2»\nuser: me",
        "password: |\n  «hunter2»\nuser: me",
        "token:\n  «q9vT2kLx0PzR7mWb»\nuser: me",
        "a:\n  token: >\n    «q9vT2kLx0PzR7mWb»\n    «q9vT2kLx0PzR7mWc»\n  b: c",
        // Three quotes, and literals on the next line.
        "password = '''«hunter2»'''",
        "password = \"\"\"«hunter2»\"\"\"",
        "password = \"\"\"\n«hunter2»\n\"\"\"\nx = 1",
        "PASSWORD = \\\n    \"«hunter2»\"",
        "const token =\n    \"«q9vT2kLx0PzR7mWb»\";",
        "password = (\n    \"«hunter2»\"\n)",
        // XML, JSON.
        "<add key=\"Password\" value=\"«hunter2»\" />",
        "<add value=\"«hunter2»\" key=\"Password\" />",
        "<property name=\"password\" value=\"«hunter2»\"/>",
        "<string name=\"api_key\">«q9vT2kLx0PzR7mWb»</string>",
        "<key>Password</key>\n<string>«hunter2»</string>",
        "<entry key=\"password\">«hunter2»</entry>",
        "{\"Name\": \"DB_PASSWORD\", \"Value\": \"«hunter2»\"}",
        "{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"«hunter2»\"\n}",
        "{\"Value\": \"«hunter2»\", \"Name\": \"DB_PASSWORD\"}",
        "variable \"db_password\" {\n  default = \"«hunter2»\"\n}",
        "\"{\\\"password\\\":\\\"«hunter2»\\\"}\"",
        // Headers, cookies.
        "Authorization: token «q9vT2kLx0PzR7mWb»",
        "\"Authorization\": \"«q9vT2kLx0PzR7mWb»\"",
        "X-Api-Key: «q9vT2kLx0PzR7mWb»",
        "Cookie: lang=en; session=«q9vT2kLx0PzR7mWb»; x=1",
        "Set-Cookie: sid=«q9vT2kLx0PzR7mWb»; HttpOnly",
        // Connection strings.
        "\"Server=db;User Id=me;Password=«hunter2»;Encrypt=true\"",
        "\"Driver=x;Server=db;Uid=me;Pwd=«hunter2»\"",
        "\"DSN=x;UID=me;PWD={«hunter2»};\"",
        "jdbc:postgresql://db/x?user=me&password=«hunter2»",
        "host=db user=me password=«hunter2» dbname=x",
        // Files of settings, shells and tools.
        "$password = \"«hunter2»\"",
        "$env:DB_PASSWORD = \"«hunter2»\"",
        "ConvertTo-SecureString \"«hunter2»\" -AsPlainText",
        "Connect -Password «hunter2»",
        "define('DB_PASSWORD', '«hunter2»');",
        "'password' => '«hunter2»',",
        "DB_PASS := «hunter2»",
        "DB_PASS ?= «hunter2»",
        "setenv DB_PASS «hunter2»",
        "set -x DB_PASS «hunter2»",
        "set \"DB_PASS=«hunter2»\"",
        "docker run -e db_pass=«hunter2» image",
        "kubectl create secret generic x --from-literal=password=«hunter2»",
        "java -Dstore.password=«hunter2» -jar x",
        "mysql -u me -p«hunter2» x",
        "redis-cli -h host -a «hunter2»",
        "//registry.example.org/:_authToken=«q9vT2kLx0PzR7mWb»",
        "props.setProperty(\"db.pass\", \"«hunter2»\");",
        "user.setPassword(\"«hunter2»\")",
    ] {
        check(marked);
    }
}

#[test]
fn each_name_of_a_secret_is_known() {
    for name in [
        "DB_PASS",
        "smtp_pass",
        "pass",
        "dbPass",
        "db.pass",
        "db-pass",
        "passcode",
        "wifi_psk",
        "PSK",
        "dbpass",
        "MYSQL_ROOT_PASSWORD",
        "rootPw",
    ] {
        check(&format!("{name} = \"«hunter2»\""));
    }
    for name in [
        "jwt",
        "JWT",
        "hmac_key",
        "hmacKey",
        "hmac-key",
        "aes_key",
        "AES_KEY",
        "aesKey",
        "tls_key",
        "tls.key",
        "creds",
        "session_key",
        "cookie_key",
        "webhookSecret",
        "master_key",
        "GITHUB_PAT",
    ] {
        check(&format!("{name} = \"«q9vT2kLx0PzR7mWb»\""));
        // No two digits, and none.
        check(&format!("{name} = \"«qVvTwkLxOPzRnmWbGhsC»\""));
        check(&format!("{name} = \"«qVvTwkLxOPzRnmWbGh3C»\""));
    }
    for name in [
        "compass",
        "passage",
        "passenger",
        "bypass",
        "PATH",
        "pattern",
        "inside",
        "sides",
        "tokenizer",
    ] {
        check(&format!("{name} = \"q9vT2kLx0PzR7mWb\""));
    }
}

#[test]
fn keys_of_services_are_known_by_their_form() {
    // ContextResult of parts, so that none that looks real stands here.
    for (fixed, free) in [
        ("AB IA", "QX3ZKJ5WPLM7TRVA"),
        ("AC CA", "QX3ZKJ5WPLM7TRVA"),
        ("gl ft-", "q9vT2kLx0PzR7mWbq9vT"),
        ("gl sa_", "q9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWb_0a1b2c3d"),
        ("ps cale_tkn_", "q9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWb"),
        (
            "xa i-",
            "q9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWbq9vT2kLx",
        ),
        ("fi gd_", "q9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWbq9vT2kLx"),
        ("AT ATT3", "q9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWbq9vT2kLx=0A1B2C3D"),
        ("xa pp-1-", "A0B1C2D3E4F-1234567890123-0a1b2c3d0a1b2c3d"),
        ("sk- ant-api03-", "q9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWb"),
        ("ab7 8Q~", "q9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWbq9"),
        ("12345678:A A", "q9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWbq"),
        ("MT kxMjM0NTY3ODkwMTIzNDU2.", "G4bCdE.q9vT2kLx0PzR7mWbq9vT2kLx0PzR"),
        ("LS0tLS1CR UdJTi", "BSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlF"),
        ("ey Jhbic9vT2kLx0.ey", "Jzdic9vT2kLx0PzR7mWb.q9vT2kLx0PzR7mWb"),
    ] {
        let key = format!("{}{free}", fixed.replace(' ', ""));
        for around in [
            "x = \"@\"",
            "x: @",
            "f(@)",
            "a @ b",
            "x=@&y=1",
            "\"a\\n@\"",
            "<a>@</a>",
            "%3D@",
        ] {
            check(&around.replace('@', &format!("«{key}»")));
        }
    }
    for text in [
        "class=\"task-list-item-with-a-very-long-name\"",
        "test_something_that_has_a_very_long_name_indeed_and_more",
        "live_stream_of_something_that_has_a_long_name_indeed_too",
        "npm_config_registry_and_other_settings_of_the_environment",
        "sk-container-with-a-long-name-for-its-style",
        "STANDARDIZEDACCESSKEYS",
    ] {
        check(text);
    }
}

#[test]
fn what_stands_beside_the_lines_of_a_key_does_not_hide_them() {
    let lines = key_block();
    let body = &lines[1..6];
    for (before, after) in [
        ("> ", ""),
        ("- ", ""),
        ("echo \"", "\" >> key"),
        ("  12: ", ""),
        ("12 | ", ""),
        ("# ", ""),
        ("// ", ""),
        (" * ", ""),
        ("    \"", "\\n\" +"),
        ("'", "' ."),
        ("+", ""),
        ("\t\"", "\","),
        ("key += \"", "\";"),
    ] {
        // With its head and tail, and without.
        for part in [&lines[..], body] {
            let text: String = part.iter().map(|line| format!("{before}{line}{after}\n")).collect();
            let redacted = redact(&text);
            for line in body {
                assert!(!redacted.contains(&line[8..24]), "{redacted}");
            }
            assert_eq!(redacted.lines().count(), text.lines().count());
        }
    }
    for joint in ["\\n", "\\r\\n", "&#10;", "&#xA;", "%0A", "<br>", " "] {
        let text = format!("<key>{}</key>", lines.join(joint));
        let redacted = redact(&text);
        assert!(body.iter().all(|line| !redacted.contains(&line[..8])), "{redacted}");
    }
    for width in [60, 64, 70, 72, 76] {
        let line = |i| base64_line(i).repeat(2)[..width].to_owned();
        let text = format!("a = 1\n{}\n{}\n{}\n", line(0), line(5), line(9));
        assert_eq!(redact(&text), format!("a = 1\n{STAND_IN}\n{STAND_IN}\n{STAND_IN}\n"));
    }
}

#[test]
fn keys_of_several_lines_have_other_heads_than_pem_too() {
    let hex = "0123456789abcdef0f1e2d3c4b5a6978";
    let base64 = base64_line(3);
    for (head, line, tail) in [
        (
            "-----BEGIN OpenVPN Static key V1-----",
            hex,
            "-----END OpenVPN Static key V1-----",
        ),
        (
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
            &base64,
            "---- END SSH2 ENCRYPTED PRIVATE KEY ----",
        ),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n",
            &base64,
            "-----END PGP PRIVATE KEY BLOCK-----",
        ),
        ("Private-Lines: 3", &base64, "Private-MAC: x"),
    ] {
        let text = format!("a\n{head}\n{line}\n{line}\n{line}\n{tail}\nb = 1\n");
        let redacted = redact(&text);
        assert!(!redacted.contains(line), "{redacted}");
        assert!(
            redacted.starts_with("a\n") && redacted.ends_with("b = 1\n"),
            "{redacted}"
        );
    }
}

/// `$0` is the cursor. Whether it stands in a secret.
#[track_caller]
fn check_cursor(marked: &str, expected: bool) {
    let cursor = marked.find("$0").unwrap();
    let (found, inside) = find_around(&marked.replacen("$0", "", 1), cursor);
    assert_eq!(inside, expected, "{marked}: {found:?}");
}

#[test]
fn a_cursor_in_a_secret_is_noticed() {
    let key = ["gh", "p_q9vT2kLx0PzR7mWbq9vT2kLx0PzR7mWbq9vT"].concat();
    for at in 1..=key.len() {
        check_cursor(&format!("x = \"{}$0{}\"", &key[..at], &key[at..]), true);
    }
    check_cursor(&format!("x = \"$0{key}\""), false);
    check_cursor(&format!("x = \"{key}\"$0"), false);
    // Typed so far, with nothing behind it.
    for at in 8..key.len() {
        check_cursor(&format!("x = \"{}$0\"", &key[..at]), true);
        check_cursor(&format!("x = {}$0", &key[..at]), true);
    }
    check_cursor("password = \"hunter$0", false);
    check_cursor("password = \"hunter2$0\"", true);
    check_cursor("password = \"hun2$0\"", true);
    check_cursor("password = \"hun$0ter2\"", true);
    check_cursor("token = \"q9vT$0\"", true);
    check_cursor("DB_PASS=h3nt$0\nx", true);
    // No name says so, but it is no text that anybody completes.
    check_cursor("x = \"q9vT2kLx0$0PzR7mWb\"", true);
    for open in [
        "password = \"$0\"",
        "password = \"${DB_$0\"",
        "let token = lexer.next_tok$0",
        "password: Str$0",
        "token = \"Bearer $0\"",
        "let secret_key = Key::generate2$0",
        "for token in tokens2$0",
        "class=\"sk-but$0\"",
        "x = some_long_name_2_of$0_it",
        "pass$0",
        "return token$0",
        "if token == Token::Ident2$0 {",
    ] {
        check_cursor(open, false);
    }
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
        "live_",
        "jwt=q9vT2kLx0PzR7mWbAc3d ",
        "jwt=q9vT2kLx0PzR7mWbAc3d;",
        "jwt=q9vT2kLx0PzR7mWbAc3d",
        "password: |\n  hunter2\n",
        "password:\n",
        "kind: Secret\ndata:\n  a: hunter2\n",
        "name: token\nvalue: ",
        "Cookie: a=q9vT2kLx; ",
        "SG.",
        "1//0",
        "Authorization: ",
        "MTk",
    ] {
        let line = unit.repeat(250_000 / unit.len());
        let start = Instant::now();
        drop(find(&line));
        // It takes a quarter of a second without optimisation, and a quadratic search takes minutes.
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{unit}: {:?}",
            start.elapsed()
        );
    }
}
