//! `codegemma-complete model pull` and `remove`, against a server that behaves as the hub and Ollama's registry do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use codegemma_tests::hub::{COMMIT, FakeHub, Faults, sha256};
use codegemma_tests::{Output, Random, command, repository};
use serde_json::Value;

const TOKEN: &str = "hf_secretSECRETsecret";

/// Somebody who has just come, with a home in which there is nothing.
struct Newcomer {
    home: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Newcomer {
    fn new(hub: &FakeHub) -> Self {
        let environment = ["HF_ENDPOINT", "CODEGEMMA_OLLAMA_REGISTRY"];
        Self {
            home: tempfile::tempdir().unwrap(),
            environment: environment.map(|name| (name, hub.address().to_owned())).to_vec(),
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command("codegemma-complete");
        let inherited = [
            "HF_HOME",
            "HF_HUB_CACHE",
            "HUGGINGFACE_HUB_CACHE",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "HF_TOKEN",
            "HF_TOKEN_PATH",
            "HF_HUB_OFFLINE",
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "ALL_PROXY",
            "https_proxy",
            "http_proxy",
            "all_proxy",
            "NO_PROXY",
            "no_proxy",
            "CODEGEMMA_CACHE",
            "CODEGEMMA_CONFIG",
        ];
        for name in inherited {
            command.env_remove(name);
        }
        command.args(args).env("HOME", self.home.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    fn run(&self, args: &[&str]) -> Output {
        finished(self.start(args))
    }

    fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    /// The names of all files in the home, but for locks.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => found.push(entry.path()),
                }
            }
        }
        let below = |path: PathBuf| path.strip_prefix(self.home.path()).unwrap().display().to_string();
        let mut found: Vec<String> = found
            .into_iter()
            .map(below)
            .filter(|name| !name.ends_with(".lock"))
            .collect();
        found.sort();
        found
    }
}

fn finished(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        code: output.status.code(),
    }
}

fn starter() -> Vec<u8> {
    fs::read(repository().join("model/starter/starter.gguf")).unwrap()
}

/// Bytes that look like nothing, and are the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut random = Random::new(7);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend((random.below(usize::MAX) as u64).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn a_hub_of_ones_own_is_trusted_by_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("hub.pem");
    let model = starter();
    let hub = FakeHub::secure(&[("a/tiny-GGUF/tiny-Q4_K_M.gguf", model.clone())], &certificate);
    let pull = ["model", "pull", "hf:a/tiny-GGUF", "--yes"];
    let stranger = Newcomer::new(&hub).run(&pull);
    assert!(
        stranger.code == Some(1)
            && stranger.stderr.contains("no safe connection")
            && stranger.stderr.contains("SSL_CERT_FILE"),
        "{stranger:?}"
    );
    let user = Newcomer::new(&hub).with("SSL_CERT_FILE", certificate.to_str().unwrap());
    hub.faults().location = Some("http://localhost:1/bytes".to_owned());
    let unsafely = user.run(&pull);
    assert!(
        unsafely.code == Some(1) && unsafely.stderr.contains("from https to http"),
        "{unsafely:?}"
    );
    hub.faults().location = None;
    let pulled = user.run(&pull);
    assert_eq!(pulled.code, Some(0), "{pulled:?}");
    assert_eq!(hub.served(), model.len() as u64);
}

const HUB: &str = ".cache/huggingface/hub/models--a--tiny-GGUF";

#[test]
fn from_an_empty_home_to_a_completion_in_one_command() {
    let model = starter();
    let hub = FakeHub::new(&[
        ("a/tiny-GGUF/README.md", b"text".to_vec()),
        ("a/tiny-GGUF/tiny-Q8_0.gguf", b"another".to_vec()),
        ("a/tiny-GGUF/tiny-Q4_K_M.gguf", model.clone()),
    ]);
    let user = Newcomer::new(&hub);
    let output = user.run(&["model", "pull", "hf:a/tiny-GGUF", "--yes"]);
    let name = "hf:a/tiny-GGUF/tiny-Q4_K_M.gguf";
    for words in [
        name,
        "https://ai.google.dev/gemma/terms",
        "MB",
        "are free",
        "licence",
        "100 %",
        &format!("--model {name}"),
    ] {
        assert!(output.stderr.contains(words), "no {words:?} in {}", output.stderr);
    }
    let path = PathBuf::from(output.success().trim_end());
    assert_eq!(
        path,
        user.path(HUB).join("snapshots").join(COMMIT).join("tiny-Q4_K_M.gguf")
    );
    let blob = user.path(HUB).join("blobs").join(sha256(&model));
    assert_eq!(path.canonicalize().unwrap(), blob.canonicalize().unwrap());
    assert_eq!(
        fs::read_link(&path).unwrap(),
        Path::new("../../blobs").join(sha256(&model))
    );
    assert!(fs::read(&blob).unwrap() == model);
    assert_eq!(fs::read_to_string(user.path(HUB).join("refs/main")).unwrap(), COMMIT);
    assert!(
        !user.files().iter().any(|name| name.contains(".codegemma-")),
        "{:?}",
        user.files()
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let plain = user.path("plain");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&blob), mode(&plain));
    }
    let place = ["complete", "examples/rectangle.py:15:41"];
    let by_itself = user.command(&place).env("CODEGEMMA_MODEL", "starter").output().unwrap();
    for called in [name, "hf:a/tiny-GGUF", path.to_str().unwrap()] {
        let output = user.command(&place).env("CODEGEMMA_MODEL", called).output().unwrap();
        assert!(
            output.status.success() && !output.stdout.is_empty(),
            "{called}: {output:?}"
        );
        assert_eq!(output.stdout, by_itself.stdout, "{called}");
    }
    // What is there is neither asked about nor fetched.
    let served = hub.served();
    let again = user.run(&["model", "pull", "hf:a/tiny-GGUF", "--json"]);
    let done: Value = serde_json::from_str(again.success().trim()).unwrap();
    assert_eq!(
        (&done["event"], &done["sha256"]),
        (&"done".into(), &sha256(&model).into())
    );
    assert_eq!(hub.served(), served);
}

#[test]
fn nothing_comes_before_the_user_says_yes() {
    let hub = FakeHub::new(&[("a/tiny-GGUF/tiny.gguf", noise(100))]);
    let user = Newcomer::new(&hub);
    let output = user.run(&["model", "pull", "hf:a/tiny-GGUF"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("--yes") && output.stderr.contains("licence"),
        "{output:?}"
    );
    assert_eq!((output.stdout.as_str(), hub.served(), user.files()), ("", 0, vec![]));
}

/// The error when a model is pulled from a server with these faults. Nothing that could be taken for whole is left.
#[track_caller]
fn check_refused(name: &str, environment: &[(&'static str, &str)], faults: Faults, words: &[&str]) {
    let hub = FakeHub::new(&[
        ("a/tiny-GGUF/tiny.gguf", noise(3 << 20)),
        ("tiny:latest", noise(3 << 20)),
    ]);
    *hub.faults() = faults;
    let user = environment
        .iter()
        .fold(Newcomer::new(&hub), |user, (name, value)| user.with(name, value));
    let output = user.run(&["model", "pull", name, "--yes", "--json"]);
    assert_eq!(output.code, Some(1), "{name}: {output:?}");
    let last = output.stdout.lines().last().unwrap_or_default();
    let error: Value = serde_json::from_str(last).unwrap_or_default();
    let message = error["message"].as_str().unwrap_or_default();
    for word in words {
        assert!(message.contains(word), "{name}: no {word:?} in {output:?}");
    }
    assert!(!message.contains('\n') && error["event"] == "error", "{output:?}");
    assert!(!format!("{output:?}").contains(TOKEN), "{output:?}");
    let is_whole = |name: &&String| !name.contains("/.codegemma-");
    let left: Vec<String> = user.files();
    assert_eq!(left.iter().filter(is_whole).count(), 0, "{name}: {left:?}");
    for asked in hub.asked() {
        assert!(asked.of_hub || asked.authorization.is_none(), "{asked:?}");
    }
}

const TINY: &str = "hf:a/tiny-GGUF";

#[test]
fn what_the_hub_refuses_is_said_with_what_to_do() {
    let gated = |token: &str| Faults {
        token: Some(token.to_owned()),
        is_gated: true,
        ..Faults::default()
    };
    let private = || Faults {
        token: Some("another".to_owned()),
        ..Faults::default()
    };
    check_refused(
        TINY,
        &[],
        gated("x"),
        &[
            "a/tiny-GGUF is gated",
            "accept its terms at http://127.0.0.1",
            "HF_TOKEN",
        ],
    );
    check_refused(
        TINY,
        &[("HF_TOKEN", TOKEN)],
        gated(TOKEN),
        &["is gated", "account of your token"],
    );
    check_refused(TINY, &[], private(), &["private", "HF_TOKEN"]);
    check_refused(TINY, &[("HF_TOKEN", TOKEN)], private(), &["your token may not see it"]);
    check_refused("hf:a/none", &[], Faults::default(), &["no such repository"]);
    check_refused("hf:a/tiny-GGUF/none.gguf", &[], Faults::default(), &["no such file"]);
    check_refused("hf:a/tiny-GGUF@v9", &[], Faults::default(), &["a/tiny-GGUF"]);
    check_refused(
        "hf:a/tiny-GGUF/tiny.gguf@v9",
        &[],
        Faults::default(),
        &["no such revision"],
    );
    check_refused("ollama:none", &[], Faults::default(), &["no such model"]);
}

#[test]
fn what_is_not_the_file_that_was_announced_is_refused() {
    let page = Faults {
        is_page: true,
        ..Faults::default()
    };
    check_refused(TINY, &[], page, &["web page"]);
    let damaged = Faults {
        is_damaged: true,
        ..Faults::default()
    };
    check_refused(TINY, &[], damaged.clone(), &["SHA-256", "removed"]);
    check_refused("ollama:tiny", &[], damaged, &["SHA-256", "removed"]);
    let lies = |announced| Faults {
        announced: Some(announced),
        ..Faults::default()
    };
    for name in [TINY, "ollama:tiny"] {
        check_refused(name, &[], lies(1 << 20), &["not as long"]);
        check_refused(name, &[], lies(9 << 20), &["not as long"]);
        check_refused(name, &[], lies(1 << 60), &["make room"]);
        check_refused(name, &[], lies(u64::MAX), &["make room"]);
    }
    let shifted = Faults {
        shifts_ranges: true,
        ..Faults::default()
    };
    check_refused(TINY, &[], shifted, &["another part"]);
    let to_a_file = Faults {
        location: Some("file:///etc/passwd".to_owned()),
        ..Faults::default()
    };
    check_refused(TINY, &[], to_a_file, &["no web address"]);
    let ignoring_and_long = Faults {
        ignores_ranges: true,
        announced: Some(9 << 20),
        ..Faults::default()
    };
    check_refused(TINY, &[], ignoring_and_long, &["not as long"]);
}

#[test]
fn what_the_user_sets_is_checked() {
    let good = Faults::default;
    check_refused(
        TINY,
        &[("HF_TOKEN", "hf_a\nX-Other: b")],
        good(),
        &["HF_TOKEN", "line break"],
    );
    check_refused(TINY, &[("HF_HUB_OFFLINE", "1")], good(), &["HF_HUB_OFFLINE"]);
    check_refused(
        TINY,
        &[("HF_ENDPOINT", "http://hub.example")],
        good(),
        &["HF_ENDPOINT", "https"],
    );
    check_refused(
        TINY,
        &[("HF_ENDPOINT", "http://127.0.0.1:1")],
        good(),
        &["127.0.0.1:1", "network", "HTTPS_PROXY"],
    );
    check_refused(
        "ollama:tiny",
        &[("CODEGEMMA_OLLAMA_REGISTRY", "ftp://a")],
        good(),
        &["CODEGEMMA_OLLAMA_REGISTRY"],
    );
    check_refused("hf:a/tiny-GGUF/../x", &[], good(), &["no name of a file"]);
    check_refused("codegemma-3b", &[], good(), &["did you mean"]);
    // The table knows another file than the one that is there.
    check_refused("codegemma-2b", &[], good(), &["no such repository"]);
}

#[test]
fn a_server_that_is_busy_or_breaks_off_is_asked_again() {
    let model = noise((40 << 20) + 12_345);
    let hub = FakeHub::new(&[("a/tiny-GGUF/tiny.gguf", model.clone())]);
    let mut random = Random::new(3);
    hub.faults().answers = [(429, "Retry-After: 1"), (500, ""), (503, "Retry-After: 0"), (403, "")].into();
    hub.faults().cuts = (0..12)
        .map(|at| if at == 0 { 0 } else { random.below(16 << 20) })
        .collect();
    let user = Newcomer::new(&hub);
    let output = user.run(&["model", "pull", TINY, "--yes"]);
    for words in ["asked too often", "fault of its own", "broke off", "trying again"] {
        assert!(output.stderr.contains(words), "no {words:?} in {output:?}");
    }
    let path = output.success();
    assert!(fs::read(path.trim_end()).unwrap() == model);
    // A part of a piece that came is not fetched again; what was on the way may be.
    let again = hub.served() - model.len() as u64;
    assert!(again < 4 << 20, "{again} bytes came twice");
}

#[test]
fn a_server_that_only_breaks_off_is_given_up_and_what_came_is_kept() {
    let model = noise((20 << 20) + 1);
    let hub = FakeHub::new(&[("a/tiny-GGUF/tiny.gguf", model.clone())]);
    let cuts = [10 << 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    hub.faults().cuts = cuts.into();
    let user = Newcomer::new(&hub);
    let output = user.run(&["model", "pull", TINY, "--yes"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("What has come is kept"), "{output:?}");
    hub.faults().cuts.clear();
    let before = hub.served();
    let output = user.run(&["model", "pull", TINY, "--yes"]);
    assert!(output.stderr.contains("are there"), "{output:?}");
    assert!(fs::read(output.success().trim_end()).unwrap() == model);
    assert!(hub.served() - before < 12 << 20, "{} bytes", hub.served() - before);
}

#[test]
fn a_server_without_ranges_is_enough() {
    let model = noise((20 << 20) + 1);
    let hub = FakeHub::new(&[("a/tiny-GGUF/tiny.gguf", model.clone())]);
    hub.faults().ignores_ranges = true;
    hub.faults().cuts = [5 << 20, 18 << 20].into();
    let user = Newcomer::new(&hub);
    let output = user.run(&["model", "pull", TINY, "--yes"]);
    assert!(fs::read(output.success().trim_end()).unwrap() == model);
    let bytes = hub.asked().iter().filter(|asked| !asked.of_hub).count();
    assert_eq!(bytes, 3, "one connection at a time: {:?}", hub.asked());
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let hub = FakeHub::new(&[("a/tiny-GGUF/tiny.gguf", noise(3 << 20))]);
    hub.faults().token = Some(TOKEN.to_owned());
    let user = Newcomer::new(&hub);
    let file = user.path("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let user = user.with("HF_TOKEN_PATH", file.to_str().unwrap());
    let output = user.run(&["model", "pull", TINY, "--yes"]);
    assert!(
        !output.stderr.contains(TOKEN) && !output.stdout.contains(TOKEN),
        "{output:?}"
    );
    output.success();
    for asked in hub.asked() {
        let is_sent = asked.authorization.as_deref() == Some(&format!("Bearer {TOKEN}"));
        assert_eq!(is_sent, asked.of_hub, "{asked:?}");
    }
    assert!(hub.asked().iter().any(|asked| !asked.of_hub));
    for name in user.files().iter().filter(|name| *name != "token") {
        let bytes = fs::read(user.path(name)).unwrap();
        assert!(
            !bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()),
            "{name}"
        );
    }
}

#[test]
fn a_pull_that_is_killed_again_and_again_ends_with_the_right_file() {
    const KILLS: u64 = 50;
    let model = noise((120 << 20) + 777);
    let hub = FakeHub::new(&[("a/tiny-GGUF/tiny.gguf", model.clone())]);
    // About 100 MB/s in all.
    hub.faults().pause = Some(Duration::from_millis(2));
    let user = Newcomer::new(&hub);
    let pull = ["model", "pull", TINY, "--yes", "--json"];
    let mut random = Random::new(11);
    let mut killed = 0;
    while killed < KILLS {
        let before = hub.served();
        let mut child = user.start(&pull);
        // Most runs are killed while bytes come, some before.
        let begun = Instant::now();
        let early = random.once_in(10);
        while !early && hub.served() == before && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(random.below(60) as u64));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
    }
    hub.faults().pause = None;
    let output = user.run(&pull);
    let done: Value = serde_json::from_str(output.success().lines().last().unwrap()).unwrap();
    assert!(fs::read(done["path"].as_str().unwrap()).unwrap() == model);
    // Each of four connections loses a piece of 1 MiB, what a socket holds of the next, and what is sent at once.
    let again = hub.served() - model.len() as u64;
    let most = killed * 4 * ((1 << 20) + (512 << 10));
    assert!(again <= most, "{again} bytes came twice after {killed} kills");
    assert!(killed >= 20, "only {killed} kills");
}

#[test]
fn bytes_that_are_not_on_the_disk_any_more_are_fetched_again() {
    let model = noise((20 << 20) + 1);
    let hub = FakeHub::new(&[("a/tiny-GGUF/tiny.gguf", model.clone())]);
    hub.faults().pause = Some(Duration::from_millis(5));
    let user = Newcomer::new(&hub);
    let mut child = user.start(&["model", "pull", TINY, "--yes", "--json"]);
    let begun = user
        .path(HUB)
        .join("blobs")
        .join(format!(".codegemma-{}.incomplete", sha256(&model)));
    let end = Instant::now() + Duration::from_secs(20);
    while hub.served() < 10 << 20 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // As after a power cut: the list has what the file has not.
    let file = fs::File::options().write(true).open(&begun).unwrap();
    file.set_len(1 << 20).unwrap();
    file.set_len(model.len() as u64).unwrap();
    hub.faults().pause = None;
    let path = user.run(&["model", "pull", TINY, "--yes"]).success();
    assert!(fs::read(path.trim_end()).unwrap() == model);
}

#[test]
fn two_pulls_of_the_same_share_the_work() {
    let model = noise((24 << 20) + 1);
    let hub = FakeHub::new(&[("a/tiny-GGUF/tiny.gguf", model.clone())]);
    hub.faults().pause = Some(Duration::from_millis(3));
    let user = Newcomer::new(&hub);
    let children = [(); 3].map(|()| user.start(&["model", "pull", TINY, "--yes"]));
    let outputs = children.map(finished);
    let waited = outputs
        .iter()
        .filter(|output| output.stderr.contains("waits for it"))
        .count();
    assert_eq!(waited, 2, "{outputs:?}");
    for output in outputs {
        assert!(fs::read(output.success().trim_end()).unwrap() == model);
    }
    assert_eq!(hub.served(), model.len() as u64);
}

#[test]
fn a_model_of_ollamas_registry_lies_in_the_own_folder() {
    let hub = FakeHub::new(&[("tiny:2b-code", starter())]);
    let user = Newcomer::new(&hub);
    let output = user.run(&["model", "pull", "ollama:tiny:2b-code", "--yes"]);
    let path = PathBuf::from(output.success().trim_end());
    assert_eq!(path, user.path(".cache/codegemma-lsp/models/tiny-2b-code.gguf"));
    assert!(fs::read(&path).unwrap() == starter());
    let output = user.run(&[
        "complete",
        "examples/rectangle.py:15:41",
        "--model",
        "ollama:tiny:2b-code",
    ]);
    assert!(!output.success().is_empty());
}

#[test]
fn a_model_in_several_files_is_a_folder() {
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("a/folder/config.json", b"{}".to_vec()),
        ("a/folder/tokenizer.json", b"{\"a\": 1}".to_vec()),
        ("a/folder/model.safetensors", noise(2 << 20)),
        ("a/folder/other.json", b"{}".to_vec()),
    ];
    let hub = FakeHub::new(&files);
    let user = Newcomer::new(&hub);
    let path = user.run(&["model", "pull", "hf:a/folder", "--yes"]).success();
    let path = PathBuf::from(path.trim_end());
    for (name, bytes) in &files[..3] {
        let name = name.trim_start_matches("a/folder/");
        assert!(fs::read(path.join(name)).unwrap() == *bytes, "{name}");
    }
    assert!(!path.join("other.json").exists());
    user.run(&["model", "remove", "hf:a/folder", "--yes"]).success();
    assert!(!path.exists());
}

#[test]
fn use_makes_it_the_model_of_the_settings_and_leaves_the_rest() {
    let hub = FakeHub::new(&[("tiny:latest", starter())]);
    let user = Newcomer::new(&hub);
    let file = user.path("settings/codegemma.toml");
    let user = user.with("CODEGEMMA_CONFIG", file.to_str().unwrap());
    user.run(&["model", "pull", "ollama:tiny", "--yes", "--use"]).success();
    assert_eq!(fs::read_to_string(&file).unwrap(), "model = \"ollama:tiny:latest\"\n");
    fs::write(&file, "# mine\nmaxTokens = 3 # few\n").unwrap();
    user.run(&["model", "pull", "ollama:tiny", "--use"]).success();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, "# mine\nmaxTokens = 3 # few\nmodel = \"ollama:tiny:latest\"\n");
    let output = user.run(&["complete", "examples/rectangle.py:15:41", "--json"]).json();
    assert!(!output.to_string().is_empty());
    fs::write(&file, "maxTokens = = 3\n").unwrap();
    let output = user.run(&["model", "pull", "ollama:tiny", "--use"]);
    assert!(
        output.code == Some(1) && output.stderr.contains("mend it"),
        "{output:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "maxTokens = = 3\n");
}

#[test]
fn only_what_was_pulled_is_removed() {
    let hub = FakeHub::new(&[
        ("a/tiny-GGUF/tiny.gguf", starter()),
        ("a/tiny-GGUF/README.md", b"text".to_vec()),
    ]);
    let user = Newcomer::new(&hub);
    let path = user.run(&["model", "pull", TINY, "--yes"]).success();
    let blob = Path::new(path.trim_end()).canonicalize().unwrap();
    let other = user.path("other.gguf");
    fs::write(&other, "bytes").unwrap();
    let refused = user.run(&["model", "remove", other.to_str().unwrap(), "--yes"]);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("not pulled by this program"),
        "{refused:?}"
    );
    let asked = user.run(&["model", "remove", TINY]);
    assert!(
        asked.code == Some(1) && asked.stderr.contains("--yes") && blob.exists(),
        "{asked:?}"
    );
    // What another snapshot still has stays.
    let another = user
        .path(HUB)
        .join("snapshots/0000000000000000000000000000000000000000");
    fs::create_dir_all(&another).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(format!("../../blobs/{}", sha256(&starter())), another.join("t.gguf")).unwrap();
    user.run(&["model", "remove", TINY, "--yes"]).success();
    assert!(!Path::new(path.trim_end()).exists() && other.exists());
    assert_eq!(blob.exists(), cfg!(unix));
    let unknown = user.run(&["model", "remove", TINY, "--yes"]);
    assert!(
        unknown.code == Some(1) && unknown.stderr.contains("no model of that name was pulled"),
        "{unknown:?}"
    );
    // What was there before the pull is not removed either.
    let found = user.run(&["model", "pull", TINY, "--yes"]).success();
    user.run(&["model", "remove", found.trim_end(), "--yes"]).success();
    assert!(!Path::new(found.trim_end()).exists() && blob.exists());
}
