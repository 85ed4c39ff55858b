use super::{ScoreRequest, score};
use crate::draft::Drafter;
use crate::encoded::Encoder;
use crate::generate::windows::Windows;
use crate::generate::{CHUNK, Interrupt, generate};
use crate::request::{CompletionRequest, FimPrompt, Prompt, Score};
use crate::sequence::Sequences;
use crate::testing::{ScriptedModel, tokenizer};
use crate::{CancelToken, RequestError};

/// The id of `<|fim_middle|>` in the test vocabulary, after which scripted models answer.
const MIDDLE: u32 = 5;

fn fim(prefix: &str) -> Prompt {
    Prompt::Fim(FimPrompt {
        prefix: prefix.to_owned(),
        ..FimPrompt::default()
    })
}

fn run(
    sequences: &mut Sequences<ScriptedModel>,
    prompt: Prompt,
    text: &str,
    ends: bool,
) -> Result<Score, RequestError> {
    let request = ScoreRequest {
        prompt,
        text: text.to_owned(),
        ends,
    };
    let never = CancelToken::default();
    let interrupt = Interrupt {
        cancel: &never,
        superseded: &never,
        deadline: None,
        idle: false,
    };
    score(sequences, &mut Encoder::new(&tokenizer(true)), &request, &interrupt)
}

fn sequences(text: &str) -> Sequences<ScriptedModel> {
    Sequences::new(ScriptedModel::saying(text, MIDDLE), 10_000)
}

/// The log-probability of the token that a scripted model wants, and of any other one.
fn wanted() -> (f64, f64) {
    let total = (10_f64.exp() + 399.0).ln();
    (10.0 - total, -total)
}

#[test]
fn a_text_has_the_probability_that_it_is_generated_with() {
    let mut sequences = sequences("x + 1;");
    let never = CancelToken::default();
    let interrupt = Interrupt {
        cancel: &never,
        superseded: &never,
        deadline: None,
        idle: false,
    };
    let mut request = CompletionRequest::new(fim("y = "), 50);
    let completion = generate(
        &mut sequences,
        &mut Drafter::default(),
        &mut Encoder::new(&tokenizer(true)),
        &mut Windows::new(),
        &mut request,
        &interrupt,
    )
    .unwrap();
    let score = run(&mut sequences, fim("y = "), "x + 1;", false).unwrap();
    assert_eq!((score.tokens, score.logprob), (6, completion.logprob));
}

#[test]
fn the_end_counts_where_it_is_asked_for() {
    let (yes, no) = wanted();
    let mut sequences = sequences("ab");
    let mut check = |text: &str, ends: bool, tokens: usize, expected: f64| {
        let score = run(&mut sequences, fim("f"), text, ends).unwrap();
        assert_eq!(score.tokens, tokens);
        assert!(
            (score.logprob - expected).abs() < 1e-4,
            "{text:?}: {score:?}, expected {expected}"
        );
    };
    check("ab", false, 2, 2.0 * yes);
    // An end is any of ten control tokens and of 38 beyond the vocabulary; one of them is wanted.
    let total = (10_f64.exp() + 399.0).ln();
    check("ab", true, 3, 2.0 * yes + (10_f64.exp() + 47.0).ln() - total);
    check("a", true, 2, yes + 48_f64.ln() - total);
    check("ac", false, 2, yes + no);
    check("", false, 0, 0.0);
}

#[test]
fn chunks_and_what_is_held_change_nothing() {
    let text = "x".repeat(CHUNK + 10);
    let prompt = || Prompt::Plain("y".repeat(CHUNK + 5));
    // The model wants what depends on all that it has read.
    let hash = |held: &[u32]| {
        270 + held
            .iter()
            .fold(7_u32, |hash, token| hash.wrapping_mul(31).wrapping_add(*token))
            % 90
    };
    let model = || Sequences::new(ScriptedModel::new(512, hash), 10_000);
    let cold = run(&mut model(), prompt(), &text, true).unwrap();
    let mut warm = model();
    run(&mut warm, Prompt::Plain("yyyz".to_owned()), &text, false).unwrap();
    assert_eq!(run(&mut warm, prompt(), &text, true).unwrap(), cold);
    assert_eq!(run(&mut warm, prompt(), &text, true).unwrap(), cold);
}

#[test]
fn what_does_not_fit_is_refused_or_told() {
    let mut sequences = sequences("a");
    let error = run(&mut sequences, fim("f"), &"x".repeat(225), false).unwrap_err();
    assert!(
        matches!(&error, RequestError::Invalid(what) if what.contains("225 tokens, and 224 fit")),
        "{error}"
    );
    let score = run(&mut sequences, fim(&"f".repeat(300)), &"x".repeat(224), false).unwrap();
    assert!(score.truncated_tokens > 0 && score.tokens == 224, "{score:?}");
}

#[test]
fn the_end_of_what_was_typed_is_given() {
    let (yes, _) = wanted();
    let prompt = |typed: &str| {
        Prompt::Fim(FimPrompt {
            typed: typed.to_owned(),
            ..FimPrompt::default()
        })
    };
    let close = |found: Score, tokens: usize, logprob: f64| {
        assert_eq!(found.tokens, tokens);
        assert!((found.logprob - logprob).abs() < 1e-5, "{} {logprob}", found.logprob);
    };
    // `qz` is one piece, and after `q` one of three choices: the byte, the letter and itself.
    let mut sequences = sequences("(qz)");
    let chosen = 10.0 - (10_f64.exp() + 2.0).ln();
    close(run(&mut sequences, prompt("(q"), "z", false).unwrap(), 1, chosen);
    close(run(&mut sequences, prompt("(q"), "z)", false).unwrap(), 2, chosen + yes);
}
