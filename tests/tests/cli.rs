//! `codegemma-complete`: what it prints, and the shapes of its JSON.

use std::fs;

use codegemma_tests::{GEMMA, complete, complete_with, repository};
use serde_json::{Value, json};

const SUM: &str = "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n    return a +";

/// A file with this text, and a target at the end of it.
fn file(text: &str) -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sum.py").to_str().unwrap().to_owned();
    fs::write(&path, text).unwrap();
    let line = text.split('\n').count();
    let column = text.rsplit('\n').next().unwrap().trim_end_matches('\r').chars().count() + 1;
    (folder, path.clone(), format!("{path}:{line}:{column}"))
}

#[track_caller]
fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap_or_else(|| panic!("not an object: {value}"))
        .keys()
        .map(String::as_str)
        .collect()
}

#[track_caller]
fn assert_keys(value: &Value, expected: &[&str]) {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(keys(value), expected);
}

const STATS: [&str; 8] = [
    "prompt_tokens",
    "reused_tokens",
    "generated_tokens",
    "drafted_tokens",
    "accepted_tokens",
    "load_ms",
    "prefill_ms",
    "decode_ms",
];

#[test]
fn the_completion_is_exact_and_the_same_every_time() {
    let (_folder, _, target) = file(SUM);
    let first = complete(&["complete", &target, "--max-tokens", "8"]).success();
    assert!(!first.is_empty(), "a model completes a sum");
    assert_eq!(complete(&[&target, "--max-tokens", "8"]).success(), first);
    let random = [
        "--max-tokens",
        "8",
        "--temperature",
        "1.5",
        "--top-k",
        "40",
        "--top-p",
        "0.95",
        "--seed",
        "7",
    ];
    let args: Vec<&str> = [target.as_str()].into_iter().chain(random).collect();
    assert_eq!(complete(&args).success(), complete(&args).success());
}

#[test]
fn json_has_the_promised_shape() {
    let (_folder, _, target) = file(&format!("x = '😀'\n{SUM}"));
    let answer = complete(&[&target, "--json", "--max-tokens", "6"]).json();
    assert_keys(
        &answer,
        &[
            "text",
            "range",
            "finish",
            "reason",
            "model",
            "candidates",
            "window",
            "probability",
            "stats",
        ],
    );
    assert!(!answer["text"].as_str().unwrap().is_empty(), "{answer}");
    let cursor = json!({"line": 4, "column": 15});
    assert_eq!(answer["range"], json!({"start": cursor, "end": cursor}));
    assert!(
        ["stop", "length"].contains(&answer["finish"].as_str().unwrap()),
        "{answer}"
    );
    assert_eq!(answer["reason"], Value::Null);
    assert_keys(&answer["model"], &["name", "architecture", "quantization"]);
    assert_eq!(answer["model"]["architecture"], "gemma");
    assert_eq!(answer["candidates"].as_array().unwrap().len(), 1);
    assert_keys(&answer["candidates"][0], &["text", "logprob"]);
    assert!(answer["candidates"][0]["logprob"].as_f64().unwrap() < 0.0);
    assert_keys(&answer["stats"], &STATS);
    assert!(answer["stats"]["prompt_tokens"].as_u64().unwrap() > 20, "{answer}");
}

#[test]
fn nothing_to_suggest_is_an_empty_success_with_a_reason() {
    let (_folder, _, target) = file(SUM);
    let output = complete(&[&target, "--deadline", "0"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{output:?}");
    assert!(output.stderr.contains("the time was over"), "a sentence: {output:?}");
    let answer = complete(&[&target, "--deadline", "0", "--json"]).json();
    assert_eq!(
        (&answer["finish"], &answer["reason"]),
        (&json!("deadline"), &json!("deadline"))
    );
    assert_eq!((&answer["text"], &answer["candidates"]), (&json!(""), &json!([])));
}

#[test]
fn candidates_differ_and_the_likeliest_is_first() {
    let (_folder, _, target) = file(SUM);
    let args = [
        &target,
        "--json",
        "--max-tokens",
        "3",
        "--candidates",
        "8",
        "--temperature",
        "2",
        "--seed",
        "3",
    ];
    let answer = complete(&args).json();
    let candidates = answer["candidates"].as_array().unwrap();
    assert!((2..=8).contains(&candidates.len()), "{answer}");
    assert_eq!(answer["text"], candidates[0]["text"]);
    let logprobs: Vec<f64> = candidates
        .iter()
        .map(|candidate| candidate["logprob"].as_f64().unwrap())
        .collect();
    assert!(logprobs.is_sorted_by(|a, b| a >= b), "{answer}");
    let texts: std::collections::HashSet<_> = candidates.iter().map(|candidate| candidate["text"].as_str()).collect();
    assert_eq!(texts.len(), candidates.len(), "{answer}");
}

#[test]
fn in_place_changes_the_file_and_diff_shows_the_change() {
    let (_folder, path, target) = file(&SUM.replace('\n', "\r\n"));
    let diff = complete(&[&target, "--diff", "--max-tokens", "5"]).success();
    assert!(diff.starts_with("--- a/sum.py\n+++ b/sum.py\n@@"), "{diff}");
    assert!(
        diff.contains("\n-    return a +\n") && diff.contains("\n+    return a +"),
        "{diff}"
    );
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        SUM.replace('\n', "\r\n"),
        "--diff alone changes nothing"
    );
    let output = complete(&[&target, "--in-place", "--max-tokens", "5"]).success();
    assert_eq!(output, "");
    let changed = fs::read_to_string(&path).unwrap();
    assert!(
        changed.len() > SUM.len() + 2 && changed.starts_with(&SUM.replace('\n', "\r\n")),
        "{changed:?}"
    );
    assert!(
        !changed.replace("\r\n", "").contains('\n'),
        "every line ends as the file's lines do: {changed:?}"
    );
    assert_eq!(
        fs::read_dir(_folder.path()).unwrap().count(),
        1,
        "nothing is left beside the file"
    );
}

#[test]
fn one_line_is_asked_for_and_given() {
    let (_folder, _, target) = file("for name in names:\n    print(");
    let line = complete(&[&target, "--max-tokens", "24", "--multiline", "never"]).success();
    assert!(!line.is_empty() && !line.contains('\n'), "{line:?}");
}

#[test]
fn text_from_stdin_is_completed() {
    let text = complete_with(
        &["-:3:15", "--path", "src/sum.py", "--max-tokens", "5"],
        Some(codegemma_tests::MODEL),
        SUM.as_bytes(),
    );
    assert!(!text.success().is_empty());
}

#[test]
fn raw_continues_a_text_with_its_probabilities() {
    let (_folder, path, _) = file("def fibonacci(n):\n");
    let text = complete(&["raw", "--prompt-file", &path, "--max-tokens", "8", "--model", GEMMA]).success();
    let args = [
        "raw",
        "--prompt-file",
        &path,
        "--max-tokens",
        "8",
        "--model",
        GEMMA,
        "--logprobs",
        "3",
        "--json",
    ];
    let answer = complete(&args).json();
    assert_keys(
        &answer,
        &["text", "tokens", "finish", "prompt_tokens", "logprobs", "stats"],
    );
    assert_eq!(answer["text"], text.as_str());
    assert_eq!(answer["finish"], "length");
    assert_eq!(answer["prompt_tokens"][0], 2);
    assert_keys(&answer["stats"], &STATS);
    let tokens = answer["tokens"].as_array().unwrap();
    let logprobs = answer["logprobs"].as_array().unwrap();
    assert_eq!((tokens.len(), logprobs.len()), (8, 8));
    for (token, logprob) in tokens.iter().zip(logprobs) {
        assert_keys(logprob, &["token", "logprob", "top"]);
        assert_eq!(&logprob["token"], token);
        let top = logprob["top"].as_array().unwrap();
        assert_eq!(
            (top.len(), &top[0][0]),
            (3, token),
            "greedy takes the most likely token"
        );
        assert_eq!(top[0][1], logprob["logprob"]);
        assert!(logprob["logprob"].as_f64().unwrap() <= 0.0 && top[1][1].as_f64() <= top[0][1].as_f64());
    }
}

#[test]
fn tokens_are_listed() {
    let (_folder, path, _) = file("def f():\n\tpass <eos>");
    let answer = complete(&["tokens", &path, "--json"]).json();
    assert_keys(&answer, &["ids", "pieces"]);
    let (ids, pieces) = (answer["ids"].as_array().unwrap(), answer["pieces"].as_array().unwrap());
    assert_eq!(ids.len(), pieces.len());
    assert_eq!((&ids[0], &pieces[0]), (&json!(2), &json!("<bos>")));
    assert!(!ids.contains(&json!(1)), "text never becomes a control token: {answer}");
    let text: String = pieces[1..]
        .iter()
        .map(|piece| piece.as_str().unwrap().replace('▁', " "))
        .collect();
    assert_eq!(text, "def f():\n\tpass <eos>");
    let lines = complete(&["tokens", &path]).success();
    assert_eq!(lines.lines().count(), ids.len(), "{lines}");
    assert!(lines.starts_with("2\t<bos>\n"), "{lines}");
}

#[test]
fn a_bench_measures_everything_it_promises() {
    let small = ["--prefill", "8", "--decode", "2", "--reps", "1", "--threads", "2"];
    let args: Vec<&str> = ["bench", "--json"].into_iter().chain(small).collect();
    let answer = complete(&args).json();
    let figures = [
        "prefill_tps",
        "decode_tps",
        "load_ms",
        "first_token_ms",
        "prefill_gflops",
        "weights_mib",
        "decode_gb_per_s",
        "memory_gb_per_s",
    ];
    assert_keys(
        &answer,
        &[&figures[..], &["peak_rss_mib", "rows_ms", "threads"]].concat(),
    );
    for figure in figures {
        assert!(answer[figure].as_f64().unwrap() > 0.0, "{figure} in {answer}");
    }
    assert_eq!(
        answer["peak_rss_mib"].as_f64().is_some_and(|peak| peak > 10.0),
        cfg!(target_os = "linux"),
        "{answer}"
    );
    assert_keys(&answer["rows_ms"], &["1", "4", "8"]);
    for time in answer["rows_ms"].as_object().unwrap().values() {
        assert!(time.as_f64().unwrap() > 0.0, "{answer}");
    }
    assert_eq!(answer["threads"], 2);
    let file = fs::metadata(repository().join("model/starter/starter.gguf"))
        .unwrap()
        .len();
    let share = answer["weights_mib"].as_f64().unwrap() * f64::from(1 << 20) / file as f64;
    assert!(
        (0.9..1.0).contains(&share),
        "the whole file but its header: {share} of it"
    );
    let args: Vec<&str> = ["bench"].into_iter().chain(small).collect();
    let table = complete(&args).success();
    for line in ["prefill 8", "decode 2 after it", "rows 8", "roofline"] {
        assert!(table.contains(line), "{line:?} in\n{table}");
    }
    for wrong in [
        ["--prefill", "0"],
        ["--decode", "x"],
        ["--reps", "0"],
        ["--prefill", "9000"],
    ] {
        let output = complete(&["bench", wrong[0], wrong[1]]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        assert!(!output.stderr.is_empty(), "{output:?}");
    }
}
