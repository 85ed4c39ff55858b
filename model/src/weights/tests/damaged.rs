//! Files of models, and of sequences, that are damaged at random: each is refused in one line or loads and answers.
//! Nothing ends the process, waits for ever or takes memory without bounds: the cases run in a process of their own that
//! may not have more, and may not be at one of them for long.
//!
//! `CODEGEMMA_DAMAGED_FILES=20000 cargo test -p codegemma-model --lib -- damaged_files` tries so many of them, and
//! `CODEGEMMA_DAMAGED_SEED=2` others.

mod damage;
mod seeds;

use std::env;
use std::fs;
use std::panic;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use self::damage::damage_bytes;
use self::seeds::Seeds;
use crate::testing::Random;
use crate::{CompletionRequest, Engine, FimPrompt, LoadOptions, Prompt};

/// Says to the process that it is the one in which the cases run, and in which folder.
const INSIDE: &str = "CODEGEMMA_DAMAGED_INSIDE";
/// How many files are tried where nothing else is said.
const FILES: usize = 2_000;
/// The address space of the process, in bytes: the test alone takes some 100 MiB of it.
const MOST_BYTES: libc::rlim_t = 1 << 30;
/// The most seconds for one file.
const MOST_SECONDS: libc::c_uint = 20;

fn number(variable: &str, otherwise: usize) -> usize {
    env::var(variable).map_or(otherwise, |value| value.parse().expect("a number"))
}

#[test]
fn damaged_files_are_refused_in_a_line_or_run() {
    if let Some(folder) = env::var_os(INSIDE) {
        return try_files(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let name = concat!(module_path!(), "::damaged_files_are_refused_in_a_line_or_run");
    let (_, name) = name.split_once("::").expect("the name of the crate");
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, folder.path())
        // Each arena of the allocator reserves 64 MiB of addresses.
        .env("MALLOC_ARENA_MAX", "2")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let kept = folder.keep();
        panic!(
            "{}: {said}\nthe file that it was at is in {}",
            output.status,
            kept.display()
        );
    }
    assert!(said.contains("damaged files were tried"), "{said}");
}

/// Where code panicked, though somebody caught it.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn try_files(folder: &Path) {
    let limit = libc::rlimit {
        rlim_cur: MOST_BYTES,
        rlim_max: MOST_BYTES,
    };
    // SAFETY: the structure is whole, and the limit is this process's own.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    panic::set_hook(Box::new(|info| {
        eprintln!("{info}");
        // The library's own panics are known and told as what is wrong with the file.
        if !info
            .location()
            .is_some_and(|place| place.file().contains("/tokenizers-"))
        {
            PANICS.lock().unwrap().push(info.to_string());
        }
    }));
    let seeds = Seeds::new(folder);
    let count = number("CODEGEMMA_DAMAGED_FILES", FILES);
    let first = number("CODEGEMMA_DAMAGED_SEED", 1) * 1_000_000;
    let [mut loaded, mut refused] = [0; 2];
    for case in 0..count {
        let mut random = Random::new((first + case) as u64);
        // SAFETY: it only sets a timer, whose signal ends the process.
        unsafe { libc::alarm(MOST_SECONDS) };
        let loads = match random.below(8) {
            0 => try_sequences(&seeds, &mut random),
            1..4 => try_folder(&seeds, &mut random),
            _ => try_gguf(&seeds, &mut random),
        };
        *(if loads { &mut loaded } else { &mut refused }) += 1;
        let panics = PANICS.lock().unwrap();
        assert!(panics.is_empty(), "case {case}: {panics:?}");
    }
    // SAFETY: it only takes the timer back.
    unsafe { libc::alarm(0) };
    // Damage that is always or never noticed would show nothing.
    assert!(
        loaded > count / 20 && refused > count / 20,
        "{loaded} loaded, {refused} not"
    );
    eprintln!("{count} damaged files were tried: {loaded} load, {refused} are refused");
}

/// Loads a model and lets it complete; gives whether it loads.
fn try_model(path: &Path) -> bool {
    let options = LoadOptions {
        threads: Some(1),
        cache_bytes: Some(1 << 20),
        ..LoadOptions::default()
    };
    let engine = match Engine::load(&path.into(), &options) {
        Ok(engine) => engine,
        Err(error) => {
            check_line(&error.to_string());
            return false;
        }
    };
    let fim = FimPrompt {
        prefix: "def add(a, b):\n    return ".to_owned(),
        suffix: "\n".to_owned(),
        ..FimPrompt::default()
    };
    for prompt in [Prompt::Plain("some text".to_owned()), Prompt::Fim(fim)] {
        if let Err(error) = engine.complete(CompletionRequest::new(prompt, 3)) {
            check_line(&error.to_string());
        }
    }
    true
}

/// An error is for a person to read. What it quotes of a file may have any characters; whoever shows it takes care of
/// them.
#[track_caller]
fn check_line(error: &str) {
    assert!((20..2_000).contains(&error.len()), "{error}");
}

fn try_gguf(seeds: &Seeds, random: &mut Random) -> bool {
    let bytes = if random.once_in(2) {
        let mut gguf = random.pick(&seeds.ggufs).clone();
        for _ in 0..=random.below(2) {
            damage::damage_gguf(&mut gguf, random);
        }
        gguf.bytes()
    } else {
        let gguf = random.pick(&seeds.ggufs);
        let mut bytes = gguf.bytes();
        let header = bytes.len() - gguf.tensors.iter().map(|tensor| tensor.3.len()).sum::<usize>();
        damage_bytes(&mut bytes, header, random);
        bytes
    };
    let path = seeds.folder.join("model.gguf");
    fs::write(&path, bytes).unwrap();
    try_model(&path)
}

fn try_folder(seeds: &Seeds, random: &mut Random) -> bool {
    let folder = seeds.folder.join("model");
    let place = random.below(seeds.files.len());
    for (number, (name, bytes)) in seeds.files.iter().enumerate() {
        let mut bytes = bytes.clone();
        if number == place {
            bytes = match name.ends_with(".json") && random.once_in(2) {
                true => damage::damage_json(&bytes, random),
                false => {
                    let header = bytes.len().min(1_000);
                    damage_bytes(&mut bytes, header, random);
                    bytes
                }
            };
        }
        fs::write(folder.join(name), bytes).unwrap();
    }
    try_model(&folder)
}

/// What a model answers with a file of sequences that is damaged is what it answers without, but where the damage carries
/// a right checksum.
fn try_sequences(seeds: &Seeds, random: &mut Random) -> bool {
    let mut bytes = seeds.sequences.clone();
    let forged = random.once_in(2);
    damage_bytes(&mut bytes, 400, random);
    if forged && let Some(content) = bytes.len().checked_sub(4) {
        let checksum = crc32fast::hash(&bytes[..content]);
        bytes[content..].copy_from_slice(&checksum.to_le_bytes());
    }
    let kept = seeds::kept_in(&seeds.folder);
    fs::write(&kept, bytes).unwrap();
    match seeds::answer(&seeds.good, &kept) {
        Ok(answer) => {
            assert!(forged || answer.tokens == seeds.answer, "{answer:?}");
            answer.stats.reused_tokens > 0
        }
        Err(error) => {
            assert!(forged, "{error}");
            check_line(&error.to_string());
            true
        }
    }
}
