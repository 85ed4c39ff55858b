use super::Rendered;
use crate::encoded::Encoder;
use crate::request::{FimPrompt, Prompt, PromptFile};
use crate::testing::{CONTROL, tokenizer};
use crate::tokenizer::Tokenizer;

fn render(prompt: &Prompt, tokenizer: &Tokenizer, limit: usize) -> Rendered {
    super::render(prompt, &mut Encoder::new(tokenizer), limit)
}

/// The prompt as text, each control token spelled out.
fn show(rendered: &Rendered) -> String {
    let tokenizer = tokenizer(true);
    let piece = |token: &u32| match CONTROL.get(*token as usize) {
        Some(name) => (*name).to_owned(),
        None => String::from_utf8_lossy(tokenizer.bytes(*token)).into_owned(),
    };
    rendered.tokens.iter().map(piece).collect()
}

fn fim(path: Option<&str>, prefix: &str, suffix: &str, files: &[(&str, &str)]) -> Prompt {
    let file = |(path, text): &(&str, &str)| PromptFile {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
    };
    Prompt::Fim(FimPrompt {
        path: path.map(str::to_owned),
        prefix: prefix.to_owned(),
        typed: String::new(),
        suffix: suffix.to_owned(),
        files: files.iter().map(file).collect(),
    })
}

fn check(prompt: &Prompt, limit: usize, expected: &str, truncated: usize) {
    let rendered = render(prompt, &tokenizer(true), limit);
    assert_eq!(show(&rendered), expected);
    assert!(rendered.tokens.len() <= limit);
    assert_eq!(rendered.truncated, truncated);
}

#[test]
fn the_form_is_the_trained_one() {
    check(
        &fim(Some("src/a.rs"), "fn a() {\n", "}\n", &[]),
        100,
        "<bos>src/a.rs\n<|fim_prefix|>fn a() {\n<|fim_suffix|>}\n<|fim_middle|>",
        0,
    );
    check(
        &fim(None, "", "", &[]),
        100,
        "<bos><|fim_prefix|><|fim_suffix|><|fim_middle|>",
        0,
    );
    check(
        &fim(Some("a"), "x", "y", &[("b", "1"), ("c", "2")]),
        100,
        "<bos>b\n1<|file_separator|>c\n2<|file_separator|>a\n<|fim_prefix|>x<|fim_suffix|>y<|fim_middle|>",
        0,
    );
    check(&Prompt::Plain("some text".to_owned()), 100, "<bos>some text", 0);
}

#[test]
fn a_model_without_the_tokens_gets_the_prefix_alone() {
    let rendered = render(&fim(Some("a"), "x = ", "\n", &[("b", "1")]), &tokenizer(false), 100);
    assert_eq!(show(&rendered), "<bos>x =");
    assert_eq!(rendered.healed, b" ");
}

#[test]
fn text_is_never_control() {
    let text = CONTROL.concat();
    let rendered = render(
        &fim(Some(&text), &text, &text, &[(&text, &text)]),
        &tokenizer(true),
        10_000,
    );
    let control: Vec<_> = rendered
        .tokens
        .iter()
        .filter(|token| **token < 10)
        .map(|t| CONTROL[*t as usize])
        .collect();
    assert_eq!(
        control,
        [
            "<bos>",
            "<|file_separator|>",
            "<|fim_prefix|>",
            "<|fim_suffix|>",
            "<|fim_middle|>"
        ]
    );
}

#[test]
fn what_is_far_from_the_cursor_is_left_out_first() {
    let prefix = "0123456789";
    let suffix = "abcdefghij";
    // Control tokens and the path take 6; files go first, the least important before the others.
    let files = [("b", "1111"), ("c", "2")];
    check(
        &fim(Some("a"), prefix, suffix, &files),
        31,
        &format!("<bos>c\n2<|file_separator|>a\n<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>"),
        7,
    );
    check(
        &fim(Some("a"), prefix, suffix, &files),
        26,
        &format!("<bos>a\n<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>"),
        11,
    );
    // Of 12 for both, the suffix has a quarter, and the prefix begins at a step of a quarter of its own 9.
    check(
        &fim(Some("a"), prefix, suffix, &[]),
        18,
        "<bos>a\n<|fim_prefix|>23456789<|fim_suffix|>abc<|fim_middle|>",
        9,
    );
    check(&Prompt::Plain(prefix.to_owned()), 9, "<bos>23456789", 2);
}

#[test]
fn the_window_s_start_stays_while_typing() {
    let tokenizer = tokenizer(true);
    let mut starts = std::collections::BTreeSet::new();
    for typed in 0..40 {
        let prefix: String = ('!'..='~').cycle().take(200 + typed).collect();
        let rendered = render(&fim(None, &prefix, "", &[]), &tokenizer, 84);
        starts.insert(200 + typed - (rendered.tokens.len() - 4));
    }
    assert!(starts.len() <= 3, "40 characters moved it to {starts:?}");
}

#[test]
fn the_start_of_a_very_long_prefix_stays_too() {
    let tokenizer = tokenizer(true);
    let mut encoder = Encoder::new(&tokenizer);
    let mut starts = std::collections::BTreeSet::new();
    // A line each, so that it is seen where the window starts.
    let lines: String = (10_000..40_000).map(|line| format!("{line}\n")).collect();
    for end in (100_000..100_600).step_by(6) {
        let rendered = super::render(&fim(None, &lines[..end], "", &[]), &mut encoder, 1004);
        assert!(rendered.tokens.len() > 700 && rendered.truncated > 0);
        starts.insert(end - (rendered.tokens.len() - 4));
    }
    assert!(starts.len() <= 4, "100 lines moved it to {starts:?}");
}

#[test]
fn every_limit_holds() {
    let long = "line of text\n".repeat(5000);
    let prompt = fim(Some("a/b.c"), &long, &long, &[("x", &long), ("y", "short")]);
    for limit in (0..40).chain([100, 1000, 5000]) {
        for prompt in [&prompt, &Prompt::Plain(long.clone())] {
            let rendered = render(prompt, &tokenizer(true), limit);
            assert!(rendered.tokens.len() <= limit, "{limit}");
            assert!(rendered.truncated > 0);
        }
    }
}

#[test]
fn a_cut_falls_on_whole_characters() {
    let text = "é€😀\u{0}".repeat(10_000);
    for limit in [1, 2, 7, 20, 33] {
        for shift in 0..12 {
            render(
                &Prompt::Plain(format!("{}{text}", "x".repeat(shift))),
                &tokenizer(true),
                limit,
            );
            render(
                &fim(None, &text, &format!("{}{text}", "x".repeat(shift)), &[]),
                &tokenizer(true),
                limit,
            );
        }
    }
}

/// The end of a prompt and what is healed, where `typed` stands between anchor and cursor.
#[track_caller]
fn check_typed(typed: &str, tokens: &str, healed: &str) {
    let prompt = |prefix: &str| {
        Prompt::Fim(FimPrompt {
            prefix: prefix.to_owned(),
            typed: typed.to_owned(),
            suffix: ")".to_owned(),
            ..FimPrompt::default()
        })
    };
    let rendered = render(&prompt("p"), &tokenizer(true), 100);
    assert_eq!(
        show(&rendered),
        format!("<bos><|fim_prefix|>p<|fim_suffix|>)<|fim_middle|>{tokens}")
    );
    assert_eq!(String::from_utf8(rendered.healed).unwrap(), healed);
    let rendered = render(&prompt(""), &tokenizer(false), 100);
    assert_eq!(show(&rendered), format!("<bos>{tokens}"));
    assert_eq!(String::from_utf8(rendered.healed).unwrap(), healed);
}

#[test]
fn the_pieces_of_the_last_word_are_not_part_of_the_prompt() {
    check_typed("", "", "");
    check_typed("x = ", "x =", " ");
    check_typed("a.b", "a.", "b");
    check_typed("a.bc", "a.", "bc");
    check_typed("a(", "a", "(");
    check_typed("ab", "", "ab");
    // At the most three, but never half a character.
    check_typed("abcdef", "abc", "def");
    check_typed("a + é", "a + ", "é");
    check_typed("a😀", "a", "😀");
}

#[test]
fn what_was_typed_has_half_of_the_room() {
    let prompt = |typed: usize| {
        Prompt::Fim(FimPrompt {
            prefix: "x".repeat(90),
            typed: ".".repeat(typed),
            suffix: "y".repeat(90),
            ..FimPrompt::default()
        })
    };
    for (typed, shown) in [(0, 0), (10, 9), (30, 29), (31, 23), (1000, 24)] {
        let rendered = render(&prompt(typed), &tokenizer(true), 64);
        let text = show(&rendered);
        assert_eq!(text.matches('.').count(), shown, "{text}");
        assert!(rendered.tokens.len() <= 64);
    }
}

#[test]
fn a_cut_leaves_no_part_of_a_character() {
    let tokenizer = tokenizer(true);
    let text: String = "a日é👩‍👩‍👧b".repeat(60);
    let prompts = [
        fim(Some("a.py"), &text, &text, &[("b.py", &text)]),
        Prompt::Fim(FimPrompt {
            prefix: text.clone(),
            typed: text.clone(),
            suffix: text.clone(),
            ..FimPrompt::default()
        }),
        Prompt::Plain(text.clone()),
    ];
    for prompt in &prompts {
        for limit in 4..700 {
            let rendered = render(prompt, &tokenizer, limit);
            assert!(rendered.tokens.len() <= limit);
            // Control tokens stand where one part ends and the next begins.
            for part in rendered.tokens.split(|token| tokenizer.is_control(*token)) {
                let mut bytes: Vec<u8> = part.iter().flat_map(|token| tokenizer.bytes(*token)).copied().collect();
                if rendered.tokens.ends_with(part) {
                    bytes.extend(&rendered.healed);
                }
                let text = String::from_utf8(bytes);
                assert!(text.is_ok(), "{limit}: {text:?}");
            }
        }
    }
}
