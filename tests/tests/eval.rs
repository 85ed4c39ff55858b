//! `codegemma-complete eval`: the holes, tables and comparisons that quality is measured with.

use std::fs;
use std::path::PathBuf;

use codegemma_tests::{GEMMA, MODEL, Output, complete_with};
use serde_json::{Value, json};

const COLUMNS: &str = "language,kind,holes,exact,correct,first_line,duplicated,unmatched,misparsed,open,empty,\
                       shown,shown_right,shown_harmful,edit_similarity,kept_rate,bits_per_byte,first_token_ms";

/// A folder with a small corpus in `src`.
struct Corpus(tempfile::TempDir);

impl Corpus {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        for number in 0..3 {
            let rust = ["total", "average"]
                .map(|name| format!("    let {name} = first({number}) + second(1);\n    third({name}, [1, 2]);\n    // A note about {name}.\n    say(\"some words of {name}\");\n"))
                .concat();
            let rust: String = (0..4).map(|at| format!("fn f{at}() {{\n{rust}}}\n\n")).collect();
            fs::write(folder.path().join(format!("src/f{number}.rs")), rust).unwrap();
            let python = ["total", "average"]
                .map(|name| format!("    {name} = first({number}) + second(1)\n    third({name}, [1, 2])\n    # A note about {name}.\n    say(\"some words of {name}\")\n"))
                .concat();
            let python: String = (0..4).map(|at| format!("def f{at}():\n{python}\n\n")).collect();
            fs::write(folder.path().join(format!("src/g{number}.py")), python).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `eval` on the corpus, without a model.
    fn eval(&self, args: &[&str]) -> Output {
        let source = self.path("src");
        let args: Vec<&str> = ["eval", source.to_str().unwrap()].iter().chain(args).copied().collect();
        complete_with(&args, None, b"")
    }

    /// The exported holes.
    fn export(&self, args: &[&str]) -> Vec<Value> {
        let file = self.path("export.jsonl");
        let output = self.eval(&[args, &["--export", file.to_str().unwrap()]].concat());
        assert_eq!(output.success(), "");
        let text = fs::read_to_string(file).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Writes completions: what `text` makes of each hole.
    fn completions(&self, holes: &[Value], text: impl Fn(&Value) -> Value) -> String {
        let lines: Vec<String> = holes
            .iter()
            .map(|hole| json!({"id": hole["id"], "text": text(hole), "bits": 4.0}).to_string())
            .collect();
        self.write("completions.jsonl", &lines.join("\n"))
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }
}

const HOLES: [&str; 4] = ["--holes", "40", "--seed", "1"];

/// The fields of a row.
#[track_caller]
fn row<'a>(csv: &'a str, language: &str, kind: &str) -> Vec<&'a str> {
    let start = format!("{language},{kind},");
    let line = csv.lines().find(|line| line.starts_with(&start));
    line.unwrap_or_else(|| panic!("{start} in\n{csv}")).split(',').collect()
}

#[track_caller]
fn refused(output: &Output, code: i32, parts: &[&str]) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{output:?}");
    for part in parts {
        assert!(output.stderr.contains(part), "{part:?} in {output:?}");
    }
    if code == 1 {
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    }
}

#[test]
fn the_exported_holes_are_the_same_every_time() {
    let corpus = Corpus::new();
    let holes = corpus.export(&HOLES);
    assert_eq!(holes, corpus.export(&HOLES));
    assert_ne!(holes, corpus.export(&["--holes", "40", "--seed", "2"]));
    assert_eq!(holes, Corpus::new().export(&HOLES), "wherever the folder lies");
    assert_eq!(holes.len(), 40 + 4);
    for hole in &holes {
        let text = |key: &str| hole[key].as_str().unwrap().to_owned();
        let file = fs::read_to_string(corpus.path("src").join(text("path"))).unwrap();
        if text("kind") == "text" {
            assert_eq!(
                (text("prefix"), text("suffix")),
                (format!("{}\n", text("path")), String::new())
            );
            assert!(file.contains(&text("middle")));
        } else {
            assert_eq!(format!("{}{}{}", text("prefix"), text("middle"), text("suffix")), file);
            assert!(!text("middle").trim().is_empty());
        }
    }
    let kinds: std::collections::BTreeSet<_> = holes.iter().map(|hole| hole["kind"].as_str().unwrap()).collect();
    let expected = [
        "block",
        "bracket",
        "comment",
        "identifier",
        "line",
        "node",
        "statement",
        "statement_end",
        "string",
        "text",
        "token",
    ];
    assert!(kinds.into_iter().eq(expected));
}

#[test]
fn the_model_can_be_shown_another_suffix() {
    let corpus = Corpus::new();
    let holes = corpus.export(&HOLES);
    let suffixes = |holes: &[Value]| -> Vec<String> {
        let completed = holes.iter().filter(|hole| hole["kind"] != "text");
        completed
            .map(|hole| hole["suffix"].as_str().unwrap().to_owned())
            .collect()
    };
    let none = corpus.export(&[&HOLES[..], &["--suffix", "none"]].concat());
    assert!(suffixes(&none).iter().all(String::is_empty));
    let shuffled = corpus.export(&[&HOLES[..], &["--suffix", "shuffled"]].concat());
    let (own, other) = (suffixes(&holes), suffixes(&shuffled));
    assert!(own.iter().zip(&other).filter(|(own, other)| own != other).count() > 20);
    let sorted = |mut suffixes: Vec<String>| {
        suffixes.sort_unstable();
        suffixes
    };
    assert_eq!(sorted(own), sorted(other));
    let output = corpus.eval(&["--holes", "1", "--suffix", "shuffled", "--export", "x"]);
    refused(&output, 1, &["--suffix shuffled needs two holes", "--holes"]);
}

#[test]
fn the_truth_is_a_perfect_table_and_nothing_an_empty_one() {
    let corpus = Corpus::new();
    let holes = corpus.export(&HOLES);
    let truth = corpus.completions(&holes, |hole| hole["middle"].clone());
    let csv = corpus.path("table.csv");
    let csv = csv.to_str().unwrap();
    let args = [&HOLES[..], &["--completions", &truth, "--csv", csv]].concat();
    let shown = corpus.eval(&args).success();
    let table = fs::read_to_string(csv).unwrap();
    assert_eq!(table.lines().next(), Some(COLUMNS));
    // Two languages and all, ten kinds, texts and all.
    assert_eq!(table.lines().count(), 1 + 3 * 12, "{table}");
    let all = row(&table, "all", "all");
    assert_eq!(all[2..11], ["40", "40", "40", "40", "0", "0", "0", "0", "0"], "{table}");
    // Of what is shown to who does not ask all is right, too.
    assert_eq!(all[11], all[12], "{table}");
    assert!(all[11].parse::<usize>().unwrap() > 30, "{table}");
    assert_eq!(all[13..16], ["0", "1.0000", "1.0000"], "{table}");
    assert!(all[16].parse::<f64>().unwrap() > 0.0 && all[17].is_empty(), "{table}");
    assert_eq!(row(&table, "rust", "block")[2..4], ["2", "2"], "{table}");
    assert_eq!(
        row(&table, "python", "text")[2..16],
        ["2", "", "", "", "", "", "", "", "", "", "", "", "", ""],
        "{table}"
    );
    assert!(shown.contains("100.0 %") && shown.contains("statement_end"), "{shown}");
    assert!(shown.contains("\nredacted: 0 values in "), "{shown}");

    // What is missing is empty; the table is worse, and each count is named.
    let nothing = corpus.write("nothing.jsonl", "");
    let args = [&HOLES[..], &["--completions", &nothing, "--baseline", csv]].concat();
    let output = corpus.eval(&args);
    assert_eq!(output.code, Some(1), "{output:?}");
    for part in [
        "all all: exact 40, now 0",
        "rust all: empty 0, now 20",
        "all line: correct 4, now 0",
    ] {
        assert!(output.stderr.contains(part), "{part:?} in {output:?}");
    }
    assert!(output.stdout.contains("empty: blank 40"), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");

    let args = [&HOLES[..], &["--completions", &truth, "--baseline", csv]].concat();
    assert!(
        corpus
            .eval(&args)
            .success()
            .contains("changed since the baseline:\n  nothing\n")
    );
    let args = ["--holes", "41", "--completions", &truth, "--baseline", csv];
    refused(
        &corpus.eval(&args),
        1,
        &["table.csv: ", "use the DIR, --holes and --seed"],
    );
}

#[test]
fn json_lists_every_hole() {
    let corpus = Corpus::new();
    let holes = corpus.export(&HOLES);
    // Beside what is right, the model writes again what stands right of the cursor.
    let completions = corpus.completions(&holes, |hole| {
        let rest = hole["suffix"].as_str().unwrap().lines().next().unwrap_or_default();
        let comment = if hole["language"] == "python" { "#" } else { "//" };
        match hole["kind"].as_str().unwrap() {
            "node" => format!("{}{rest}", hole["middle"].as_str().unwrap()).into(),
            "line" => format!("{} {comment} wrong", hole["middle"].as_str().unwrap()).into(),
            "text" => "".into(),
            _ => hole["middle"].clone(),
        }
    });
    let args = [&HOLES[..], &["--completions", &completions, "--json"]].concat();
    let answer = corpus.eval(&args).json();
    assert_eq!((&answer["model"], &answer["seed"]), (&Value::Null, &json!(1)));
    // What looks like a key is counted in all of the code, whether there is a hole in it or not.
    let password = format!("def connect():\n    db_{} = 'k3{}{}'\n", "password", "vHx8", "1Lq2");
    fs::write(corpus.path("src/h.py"), password).unwrap();
    let nothing = corpus.write("nothing.jsonl", "");
    let counted = corpus
        .eval(&["--holes", "1", "--completions", &nothing, "--json"])
        .json();
    assert_eq!(counted["redacted"]["values"], 1);
    fs::remove_file(corpus.path("src/h.py")).unwrap();
    assert_eq!(answer["rows"].as_array().unwrap().len(), 36);
    let listed = answer["holes"].as_array().unwrap();
    assert_eq!(listed.len(), holes.len());
    for (hole, exported) in listed.iter().zip(&holes) {
        assert_eq!((&hole["id"], &hole["path"]), (&exported["id"], &exported["path"]));
        assert_eq!((&hole["truth"], &hole["bits"]), (&exported["middle"], &json!(4.0)));
        match hole["kind"].as_str().unwrap() {
            "text" => assert_eq!((&hole["text"], &hole["exact"]), (&json!(""), &Value::Null)),
            "line" => {
                assert!(hole["text"].as_str().unwrap().ends_with("wrong"), "{hole}");
                assert_eq!(hole["exact"], false);
            }
            kind => assert_eq!(
                (&hole["exact"], &hole["reason"]),
                (&json!(true), &Value::Null),
                "{kind}: {hole}"
            ),
        }
        assert!(
            hole["kind"] != "node" || hole["replaces"].as_u64().unwrap() > 0,
            "{hole}"
        );
    }
}

/// Tasks in the form of HumanEval-Infilling: a line, two lines, and a span within one.
fn infilling_tasks() -> Vec<Value> {
    let task = |id: &str, prompt: &str, suffix: &str, solution: &str| {
        json!({"task_id": id, "entry_point": "add", "prompt": prompt, "suffix": suffix,
               "canonical_solution": solution, "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n"})
    };
    let head = "def add(first, second):\n";
    vec![
        task(
            "SingleLineInfilling/1/L0",
            &format!("{head}    total = first\n"),
            "    return total\n",
            "    total += second\n",
        ),
        task(
            "MultiLineInfilling/1/L0_L1",
            &format!("{head}    total = first\n"),
            "",
            "    total += second\n    return total\n",
        ),
        task(
            "RandomSpanInfilling/1/1",
            &format!("{head}    return (first + sec"),
            ")\n",
            "ond",
        ),
    ]
}

#[test]
fn samples_are_what_goes_between_prompt_and_suffix() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let tasks = infilling_tasks();
    let lines: Vec<String> = tasks.iter().map(Value::to_string).collect();
    let (file, out) = (path("tasks.jsonl"), path("samples.jsonl"));
    fs::write(&file, lines.join("\n")).unwrap();
    let samples = |more: &[&str]| -> Vec<String> {
        let args = [&["eval", &file, "--samples", &out], more].concat();
        let said = complete_with(&args, Some(MODEL), b"").success();
        assert!(said.starts_with("3 samples, "), "{said}");
        let text = fs::read_to_string(&out).unwrap();
        let samples: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(samples.len(), tasks.len(), "{text}");
        for (sample, task) in samples.iter().zip(&tasks) {
            let keys: Vec<&String> = sample.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["completion", "task_id"]);
            assert_eq!(sample["task_id"], task["task_id"]);
        }
        let completion = |sample: &Value| sample["completion"].as_str().unwrap().to_owned();
        samples.iter().map(completion).collect()
    };
    let suggested = samples(&[]);
    // Whole lines end with their line, and what the suffix has is not there twice.
    for lines in &suggested[..2] {
        assert!(lines.is_empty() || lines.ends_with('\n'), "{suggested:?}");
    }
    let opened = suggested[2].matches('(').count();
    assert!(
        !suggested[2].is_empty() && !suggested[2].contains('\n'),
        "{suggested:?}"
    );
    assert_eq!(suggested[2].matches(')').count(), opened, "{suggested:?}");
    let raw = samples(&["--raw"]);
    assert!(
        raw.iter().all(|text| !text.is_empty()) && raw[2].len() > suggested[2].len(),
        "{raw:?}"
    );
}

#[test]
fn tasks_that_cannot_be_read_are_named_by_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let good = infilling_tasks()[0].to_string();
    let check = |name: &str, lines: &[&str], part: &str| {
        fs::write(path(name), lines.join("\n")).unwrap();
        let args = ["eval", &path(name), "--samples", &path("samples.jsonl")];
        refused(&complete_with(&args, None, b""), 1, &[part]);
        assert!(!folder.path().join("samples.jsonl").exists());
    };
    check("a.jsonl", &[&good, "", "{"], "a.jsonl:3: not a task");
    check(
        "a.jsonl",
        &[&good.replace("suffix", "rest")],
        "a.jsonl:1: not a task (missing field `suffix`",
    );
    check(
        "a.jsonl",
        &[&good.replace("\"add\"", "5"), "[]"],
        "a.jsonl:2: not a task",
    );
    check(
        "a.jsonl",
        &[&good, &good],
        "a.jsonl:2: a second task SingleLineInfilling/1/L0",
    );
    check("a.jsonl", &[""], "a.jsonl: there is no task in it");
    check("a.jsonl.gz", &["x"], "gunzip --keep");
    fs::write(path("b.jsonl"), good).unwrap();
    refused(
        &complete_with(&["eval", &path("b.jsonl")], None, b""),
        1,
        &["--samples FILE"],
    );
    refused(
        &complete_with(&["eval", &path("b.jsonl"), "--raw"], None, b""),
        2,
        &["--samples"],
    );
}

#[test]
fn a_model_is_measured() {
    let corpus = Corpus::new();
    let source = corpus.path("src");
    let args = ["eval", source.to_str().unwrap(), "--holes", "6", "--json"];
    let answer = complete_with(&args, Some(GEMMA), b"").json();
    assert_eq!(answer["model"]["architecture"], "gemma3");
    let holes = answer["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 8);
    for hole in holes {
        assert!(hole["bits"].as_f64().unwrap() > 0.0, "{hole}");
        assert_eq!(hole["kind"] == "text", hole["first_token_ms"].is_null(), "{hole}");
    }
    // What repeats from function to function is known to any model of code.
    let all = &answer["rows"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&all["language"], &all["kind"], &all["holes"]),
        (&json!("all"), &json!("all"), &json!(6))
    );
    assert!(all["bits_per_byte"].as_f64().unwrap() < 4.0, "{all}");
}

#[test]
fn what_is_wrong_with_the_input_is_said_before_anything_runs() {
    let corpus = Corpus::new();
    let empty = corpus.path("empty");
    fs::create_dir(&empty).unwrap();
    let eval = |args: &[&str]| complete_with(&[&["eval"], args].concat(), None, b"");
    refused(&eval(&["no/such/folder"]), 1, &["no/such/folder", "check the path"]);
    refused(
        &eval(&[empty.to_str().unwrap()]),
        1,
        &["no source file", "rust, python"],
    );
    let tiny = corpus.write("tiny.py", "x\n");
    refused(&eval(&[&tiny]), 1, &["no place to cut a hole"]);
    refused(&eval(&[]), 2, &[]);
    for wrong in [&["--holes", "0"][..], &["--seed", "x"], &["--suffix", "half"]] {
        refused(&corpus.eval(wrong), 2, &[]);
    }
    let missing = corpus.path("no/table.csv");
    refused(
        &corpus.eval(&["--holes", "6", "--csv", missing.to_str().unwrap()]),
        1,
        &["table.csv", "no such folder"],
    );
    refused(
        &corpus.eval(&["--holes", "6", "--csv", empty.to_str().unwrap()]),
        1,
        &["it is a folder"],
    );
    refused(
        &corpus.eval(&["--holes", "6", "--baseline", missing.to_str().unwrap()]),
        1,
        &["table.csv", "cannot be read"],
    );
    let damaged = corpus.write("damaged.csv", &format!("{COLUMNS}\nrust,all,many\n"));
    refused(
        &corpus.eval(&["--holes", "6", "--baseline", &damaged]),
        1,
        &["damaged.csv:2: expected 18 fields"],
    );
}

#[test]
fn completions_that_do_not_fit_are_named_by_their_line() {
    let corpus = Corpus::new();
    let holes = corpus.export(&HOLES);
    let good = json!({"id": holes[0]["id"], "text": ")"}).to_string();
    let check = |lines: &[&str], part: &str| {
        let file = corpus.write("bad.jsonl", &lines.join("\n"));
        refused(
            &corpus.eval(&[&HOLES[..], &["--completions", &file]].concat()),
            1,
            &[part],
        );
    };
    check(&[&good, "{"], "bad.jsonl:2: not a completion");
    check(&[r#"{"id": "x"}"#], "bad.jsonl:1: not a completion");
    check(
        &[&good, "", r#"{"id": "go-line-1", "text": ""}"#],
        "bad.jsonl:3: no hole is called \"go-line-1\"",
    );
    check(&[&good, &good], "bad.jsonl:2: a second completion of ");
    let none = corpus.eval(&["--holes", "6", "--completions", "no/file"]);
    refused(&none, 1, &["no/file", "there is no such file"]);
}
