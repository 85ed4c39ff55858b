use super::*;
use crate::documents::language;
use crate::documents::syntax::Parsed;

fn model(fill_in_the_middle: bool) -> ModelInfo {
    ModelInfo {
        name: "test".to_owned(),
        architecture: "gemma".to_owned(),
        quantization: "F32".to_owned(),
        context_tokens: 100,
        fill_in_the_middle,
    }
}

fn wrote(text: &str) -> Written {
    Written {
        text: text.to_owned(),
        pieces: Vec::new(),
    }
}

fn plan_of(marked: &str, fill_in_the_middle: bool) -> Plan {
    let (before, after) = marked.split_once("$0").unwrap();
    let snapshot = Arc::new(Snapshot {
        text: Rope::from_str(&format!("{before}{after}")),
        offset: before.len(),
        path: Some("src/a.rs".to_owned()),
        ..Snapshot::default()
    });
    let model = model(fill_in_the_middle);
    let wanted = Wanted {
        multiline: Multiline::Auto,
        trigger: Trigger::Invoked,
        confidence: None,
        shift: 0.0,
    };
    plan(&snapshot, None, &model, wanted).unwrap()
}

#[test]
fn the_prompt_has_unix_lines_and_the_suggestion_the_documents() {
    let plan = plan_of("a\r\nif x {$0}\r\n\r\n  b\r\n", true);
    assert_eq!(
        (plan.prompt.prefix.as_str(), plan.prompt.typed.as_str()),
        ("", "a\nif x {")
    );
    assert_eq!(plan.prompt.suffix, "}\n\n  b\n");
    assert_eq!((plan.place.before.as_str(), plan.place.after.as_str()), ("if x {", "}"));
    assert_eq!(plan.place.next_lines, ["  b"]);
    let suggestion = plan.suggest(&wrote("\n  y\n}"), Finish::Stop).unwrap();
    assert_eq!((suggestion.text.as_str(), suggestion.range), ("\r\n  y\r\n}", 9..10));
    assert_eq!(
        plan_of("a\rb {$0", true)
            .suggest(&wrote("\nc"), Finish::Stop)
            .unwrap()
            .text,
        "\rc"
    );
}

#[test]
fn what_is_far_from_the_cursor_is_not_looked_at() {
    let line = "a line of twenty-four ch\n";
    let far = line.repeat(1000);
    let plan = plan_of(&format!("{far}a = $0\n{far}"), true);
    let most = 100 * 32;
    for text in [&plan.prompt.prefix, &plan.prompt.suffix] {
        assert!((most / 2..=most).contains(&text.len()), "{}", text.len());
    }
    assert!(plan.prompt.prefix.starts_with(line));
}

#[test]
fn keys_are_neither_shown_nor_suggested() {
    let key = ["ghp", "_", "9aBcD3fGh1JkLmN0pQrStUvWxYz12345678a"].concat();
    let plan = plan_of(
        &format!("token = \"{key}\"\n\nuse(token)$0\npassword = \"{key}\"\n"),
        true,
    );
    let prompt = format!("{:?}", plan.prompt);
    assert!(!prompt.contains(&key[8..]), "{prompt}");
    assert_eq!(prompt.matches(secrets::STAND_IN).count(), 2, "{prompt}");
    let plan = plan_of("password = $0\n", true);
    let suggested = |text: &str| plan.suggest(&wrote(text), Finish::Stop);
    assert_eq!(suggested(&format!("\"{key}\"")), Err(Reason::Secret));
    assert_eq!(suggested(&format!("\"{}\"", secrets::STAND_IN)), Err(Reason::Secret));
    assert_eq!(suggested("read(\"a\")").unwrap().text, "read(\"a\")");
}

#[test]
fn an_empty_answer_names_what_ended_it() {
    let plan = plan_of("a = $0", true);
    assert_eq!(plan.suggest(&wrote(""), Finish::Deadline), Err(Reason::Deadline));
    assert_eq!(plan.suggest(&wrote(""), Finish::Cancelled), Err(Reason::Cancelled));
    assert_eq!(plan.suggest(&wrote(""), Finish::Stop), Err(Reason::Blank));
}

#[test]
fn what_the_deadline_cut_off_ends_well() {
    let suggested = |marked, text| {
        let suggestion = plan_of(marked, true).suggest(&wrote(text), Finish::Deadline);
        suggestion.map(|suggestion| suggestion.text)
    };
    assert_eq!(suggested("a = $0", "f(x) + g(y, lon"), Ok("f(x) + g".to_owned()));
    assert_eq!(suggested("a = $0", "f(x\n"), Ok("f(x".to_owned()), "the line was whole");
    assert_eq!(suggested("if a {$0", "\n    b\n    c("), Ok("\n    b".to_owned()));
    assert_eq!(suggested("a = $0", "wor"), Err(Reason::Deadline));
    let whole = plan_of("a = $0", true).suggest(&wrote("wor"), Finish::Length);
    assert_eq!(whole.unwrap().text, "wor");
}

#[test]
fn what_was_cut_off_within_its_first_line_need_not_fit() {
    let mut plan = plan_of("fn f() {\n    $0\n}\n", true);
    let rust = language::of_id("rust").unwrap();
    let snapshot = Arc::make_mut(&mut plan.place.snapshot);
    snapshot.parsed = Parsed::new(rust, &snapshot.text);
    let suggested = |text, finish| plan.suggest(&wrote(text), finish).map(|suggestion| suggestion.text);
    assert_eq!(suggested("let x = foo", Finish::Length), Ok("let x =".to_owned()));
    assert_eq!(suggested("let x = foo", Finish::Deadline), Ok("let x =".to_owned()));
    assert_eq!(suggested("let x = foo", Finish::Stop), Err(Reason::Misfit));
    assert_eq!(
        suggested("} } fo", Finish::Length),
        Err(Reason::Misfit),
        "closers that close nothing"
    );
    assert_eq!(
        suggested("let let\nb();\nc", Finish::Length),
        Err(Reason::Misfit),
        "whole lines"
    );
}

#[test]
fn generation_stops_where_the_rest_would_be_cut() {
    let stops = |plan: &Plan, text: &str| plan.request(8).stop_when.expect("a plan always has one")(text, &[]);
    let line = plan_of("a = $0 + 1", true);
    assert!(stops(&line, "b\n") && !stops(&line, "b"));
    let block = plan_of("def f():$0", false);
    assert!(stops(&block, "\n    a\n\ndef") && !stops(&block, "\n    a\n\n"));
    assert!(!stops(&plan_of("def f():$0", true), "\n    a\n\ndef"));
}
