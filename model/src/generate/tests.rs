use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

mod windows;

use super::windows::Windows;
use super::{CHUNK, Interrupt, generate};
use crate::draft::Drafter;
use crate::encoded::Encoder;
use crate::request::{Completion, CompletionRequest, FimPrompt, Finish, Prompt, Sampling};
use crate::sequence::Sequences;
use crate::testing::{ScriptedModel, tokenizer};
use crate::{CancelToken, RequestError};

/// The id of `<|fim_middle|>` in the test vocabulary, after which scripted models answer.
const MIDDLE: u32 = 5;

fn fim(prefix: &str, suffix: &str) -> Prompt {
    Prompt::Fim(FimPrompt {
        prefix: prefix.to_owned(),
        suffix: suffix.to_owned(),
        ..FimPrompt::default()
    })
}

struct Fixture {
    sequences: Sequences<ScriptedModel>,
    drafter: Drafter,
    windows: Windows,
    log: Arc<Mutex<Vec<usize>>>,
}

impl Fixture {
    fn new(model: ScriptedModel) -> Self {
        Self::within(10_000, model)
    }

    /// One that may hold so many tokens.
    fn within(budget: usize, model: ScriptedModel) -> Self {
        Self {
            log: Arc::clone(&model.log),
            sequences: Sequences::new(model, budget),
            drafter: Drafter::default(),
            windows: Windows::new(),
        }
    }

    fn saying(text: &str) -> Self {
        Self::new(ScriptedModel::saying(text, MIDDLE))
    }

    fn run(&mut self, mut request: CompletionRequest) -> Result<Completion, RequestError> {
        let cancel = request.cancel.clone();
        let interrupt = Interrupt {
            cancel: &cancel,
            superseded: &CancelToken::default(),
            deadline: request.deadline,
            idle: false,
        };
        let tokenizer = tokenizer(true);
        generate(
            &mut self.sequences,
            &mut self.drafter,
            &mut Encoder::new(&tokenizer),
            &mut self.windows,
            &mut request,
            &interrupt,
        )
    }

    /// The sizes of the forward passes since the last call.
    fn forwards(&self) -> Vec<usize> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

#[test]
fn the_answer_ends_where_the_model_ends_it() {
    let mut fixture = Fixture::saying("x + 1;");
    let completion = fixture.run(CompletionRequest::new(fim("let y = ", "\n"), 50)).unwrap();
    assert_eq!((completion.text.as_str(), completion.finish), ("x + 1;", Finish::Stop));
    assert_eq!(completion.tokens.len(), 6);
    assert_eq!(completion.stats.generated_tokens, 6);
    assert_eq!(completion.stats.prompt_tokens, completion.prompt_tokens.len());
    assert_eq!(fixture.forwards(), [13, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn max_tokens_are_the_most() {
    let mut fixture = Fixture::saying("abcdef");
    for max in 0..6 {
        let completion = fixture.run(CompletionRequest::new(fim("", ""), max)).unwrap();
        assert_eq!(
            (completion.text.as_str(), completion.finish),
            (&"abcdef"[..max], Finish::Length)
        );
    }
    assert_eq!(
        fixture.run(CompletionRequest::new(fim("", ""), 7)).unwrap().finish,
        Finish::Stop
    );
}

#[test]
fn the_last_token_is_not_forwarded_for_nothing() {
    let mut fixture = Fixture::saying("abcdef");
    fixture.run(CompletionRequest::new(fim("", ""), 3)).unwrap();
    assert_eq!(fixture.forwards(), [4, 1, 1]);
}

#[test]
fn the_caller_s_rule_stops_at_its_token() {
    let mut request = CompletionRequest::new(fim("", ""), 50);
    request.stop_when = Some(Box::new(|text, _| text.ends_with('\n')));
    let mut fixture = Fixture::saying("one\ntwo\n");
    let completion = fixture.run(request).unwrap();
    assert_eq!((completion.text.as_str(), completion.finish), ("one\n", Finish::Stop));
}

#[test]
fn a_long_prompt_is_read_in_chunks_and_only_once() {
    let mut fixture = Fixture::saying("a");
    let long = "x".repeat(2 * CHUNK);
    fixture.run(CompletionRequest::new(fim(&long, ""), 1)).unwrap();
    assert_eq!(fixture.forwards(), [CHUNK, CHUNK, 4]);

    // Typing in front of an empty suffix changes what follows the prefix: the new character and the three ends.
    let completion = fixture
        .run(CompletionRequest::new(fim(&format!("{long}y"), ""), 1))
        .unwrap();
    assert_eq!(fixture.forwards(), [3]);
    assert_eq!(completion.stats.reused_tokens, 2 * CHUNK + 2);
    assert_eq!(completion.stats.forwarded_tokens, 3);

    // The same again needs the last token's logits only.
    let completion = fixture
        .run(CompletionRequest::new(fim(&format!("{long}y"), ""), 1))
        .unwrap();
    assert_eq!(fixture.forwards(), [1]);
    assert_eq!(completion.stats.forwarded_tokens, 1);
}

/// The next token depends on every token before it, so that a stale one would change the text.
fn hash(held: &[u32]) -> u32 {
    let hash = held
        .iter()
        .fold(7_u32, |hash, token| hash.wrapping_mul(31).wrapping_add(*token));
    270 + (hash >> 7) % 90
}

#[test]
fn what_is_reused_changes_nothing() {
    let prompts: Vec<_> = ["abc", "abcd", "ab", "", "abcdefgh", "xbcdefgh"]
        .map(|text| fim(text, "suffix"))
        .into();
    let mut warm = Fixture::new(ScriptedModel::new(256, hash));
    for prompt in prompts.iter().chain(prompts.iter().rev()) {
        for max in [1, 20] {
            let mut cold = Fixture::new(ScriptedModel::new(256, hash));
            let warm = warm.run(CompletionRequest::new(prompt.clone(), max)).unwrap();
            let cold = cold.run(CompletionRequest::new(prompt.clone(), max)).unwrap();
            assert_eq!(
                (warm.text, warm.tokens, warm.logprob),
                (cold.text, cold.tokens, cold.logprob)
            );
        }
    }
}

/// Each alternative is what the model would write after the token that it leaves by.
#[test]
fn alternatives_leave_the_way_and_go_on_greedily() {
    let mut fixture = Fixture::new(ScriptedModel::new(256, hash).doubting());
    let plain = |text: &str| Prompt::Plain(format!("prompt {text}"));
    let request = CompletionRequest {
        alternatives: 3,
        ..CompletionRequest::new(plain(""), 12)
    };
    let completion = fixture.run(request).unwrap();
    let passes = fixture.forwards();
    let first = fixture.run(CompletionRequest::new(plain(""), 12)).unwrap();
    assert_eq!(completion.text, first.text);
    assert_eq!(completion.alternatives.len(), 3);
    // They are read side by side, as long as each goes on.
    let alone = fixture.forwards().len();
    assert_eq!(passes[..2], [8, 1], "the prompt, and the first token");
    assert!(passes.contains(&3) && passes.len() < 2 * alone, "{passes:?}");
    let mut texts: Vec<&str> = vec![&completion.text];
    for alternative in &completion.alternatives {
        let text = alternative.text.as_str();
        assert!(!texts.contains(&text), "{text}");
        texts.push(text);
        let common = (0..text.len())
            .take_while(|at| first.text.get(..=*at) == text.get(..=*at))
            .count();
        let begun = &text[..=common];
        let greedy = fixture
            .run(CompletionRequest::new(plain(begun), 12 - begun.len()))
            .unwrap();
        assert_eq!(text, format!("{begun}{}", greedy.text));
        assert_eq!(alternative.finish, Finish::Length);
        assert_eq!(alternative.pieces.last().map(|piece| piece.end), Some(text.len()));
    }
}

#[test]
fn another_end_is_no_alternative() {
    let mut fixture = Fixture::new(ScriptedModel::saying("ab", MIDDLE).doubting());
    let request = CompletionRequest {
        alternatives: 5,
        ..CompletionRequest::new(fim("", ""), 12)
    };
    let completion = fixture.run(request).unwrap();
    let texts: Vec<&str> = completion
        .alternatives
        .iter()
        .map(|other| other.text.as_str())
        .collect();
    // After `a` and `b` the second tokens are `b` and `c`; after the end it is another end.
    assert_eq!((completion.text.as_str(), texts), ("ab", vec!["bb", "ac"]));
}

#[test]
fn the_context_s_end_is_an_end() {
    let mut fixture = Fixture::new(ScriptedModel::new(32, hash));
    let request = CompletionRequest::new(
        Prompt::Plain("some text that is much longer than all of it".to_owned()),
        100,
    );
    let completion = fixture.run(request).unwrap();
    assert_eq!(completion.finish, Finish::Length);
    assert!(completion.truncated_tokens > 0);
    assert!(
        completion.prompt_tokens.len() <= 16,
        "half of the context is the prompt's"
    );
    // The token after the last forwarded one is known without a place for it.
    assert_eq!(completion.prompt_tokens.len() + completion.tokens.len(), 33);
}

#[test]
fn cancelling_stops_before_the_next_chunk_or_step() {
    for (at, expected) in [(1, ""), (3, "a"), (5, "abc")] {
        let request = CompletionRequest::new(fim(&"x".repeat(CHUNK), ""), 50);
        let cancel = request.cancel.clone();
        let mut saying = ScriptedModel::saying("abcdef", MIDDLE);
        let log = Arc::clone(&saying.log);
        saying.on_forward(move |forwards| {
            if forwards == at {
                cancel.cancel();
            }
        });
        let mut fixture = Fixture::new(saying);
        let completion = fixture.run(request).unwrap();
        assert_eq!(
            (completion.text.as_str(), completion.finish),
            (expected, Finish::Cancelled)
        );
        assert_eq!(
            log.lock().unwrap().len(),
            at,
            "no forward pass after the one that was under way"
        );
    }
}

#[test]
fn the_deadline_gives_back_what_there_is() {
    let mut model = ScriptedModel::saying("abcdef", MIDDLE);
    model.on_forward(|forwards| {
        if forwards == 3 {
            std::thread::sleep(Duration::from_millis(60));
        }
    });
    let mut request = CompletionRequest::new(fim("", ""), 50);
    request.deadline = Some(Instant::now() + Duration::from_millis(50));
    let completion = Fixture::new(model).run(request).unwrap();
    assert_eq!((completion.text.as_str(), completion.finish), ("ab", Finish::Deadline));

    let mut late = CompletionRequest::new(fim("", ""), 50);
    late.deadline = Some(Instant::now());
    let mut fixture = Fixture::saying("abc");
    let completion = fixture.run(late).unwrap();
    assert_eq!((completion.text.as_str(), completion.finish), ("", Finish::Deadline));
    assert!(fixture.forwards().is_empty());
}

#[test]
fn a_character_of_several_tokens_is_whole_or_absent() {
    for (max, expected) in [(3, "a"), (4, "a"), (5, "a😀"), (6, "a😀b")] {
        let completion = Fixture::saying("a😀b")
            .run(CompletionRequest::new(fim("", ""), max))
            .unwrap();
        assert_eq!(completion.text, expected);
    }
    // While it is decoded, nothing of it is shown.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut request = CompletionRequest::new(fim("", ""), 9);
    let sink = Arc::clone(&seen);
    request.stop_when = Some(Box::new(move |text, _| {
        sink.lock().unwrap().push(text.to_owned());
        false
    }));
    Fixture::saying("a😀b").run(request).unwrap();
    assert_eq!(*seen.lock().unwrap(), ["a", "a", "a", "a", "a😀", "a😀b"]);
}

#[test]
fn log_probabilities_cover_each_token() {
    let mut request = CompletionRequest::new(fim("", ""), 50);
    request.logprobs = Some(2);
    let completion = Fixture::saying("ab").run(request).unwrap();
    assert_eq!(completion.logprobs.len(), 2);
    let sum: f32 = completion.logprobs.iter().map(|entry| entry.logprob).sum();
    assert!((f64::from(sum) - completion.logprob).abs() < 1e-6);
    // One logit of 10 among 399 of 0.
    let expected = 10.0 - (10_f64.exp() + 399.0).ln();
    assert!((f64::from(completion.logprobs[0].logprob) - expected).abs() < 1e-5);
    assert_eq!(
        completion.logprobs[0].top[0],
        (completion.tokens[0], completion.logprobs[0].logprob)
    );
}

#[test]
fn a_request_that_cannot_be_served_is_refused() {
    let mut request = CompletionRequest::new(fim("", ""), 5);
    request.sampling = Sampling {
        temperature: -1.0,
        ..Sampling::default()
    };
    let error = Fixture::saying("a").run(request).unwrap_err();
    assert!(
        matches!(&error, RequestError::Invalid(what) if what.contains("temperature")),
        "{error}"
    );
}

/// What is suggested after `(q` at an anchor, and how many tokens it took.
#[track_caller]
fn check_healed(script: &str, max_tokens: usize, text: &str, tokens: usize) {
    let prompt = Prompt::Fim(FimPrompt {
        prefix: "f".to_owned(),
        typed: "(q".to_owned(),
        suffix: ";".to_owned(),
        ..FimPrompt::default()
    });
    let mut fixture = Fixture::saying(script);
    let completion = fixture.run(CompletionRequest::new(prompt, max_tokens)).unwrap();
    assert_eq!((completion.text.as_str(), completion.tokens.len()), (text, tokens));
    // Begin of text, three control tokens, `f`, `;` and `(`.
    assert_eq!(completion.prompt_tokens.len(), 7);
}

#[test]
fn the_last_piece_before_the_cursor_is_decided_again() {
    check_healed("(qz)", 50, "z)", 2);
    check_healed("(q)", 50, ")", 2);
    // What the model would rather write in the place of what was typed is no choice.
    check_healed("(x)", 50, ")", 2);
    check_healed("x", 50, "", 1);
}

#[test]
fn what_was_typed_does_not_count_as_generated() {
    check_healed("(q)]", 1, ")", 2);
    check_healed("(qz)", 1, "z", 1);
    check_healed("(qz)", 0, "", 0);
}

#[test]
fn typing_after_the_anchor_costs_what_was_typed() {
    // All of it fits into the context, or it is cut on both sides.
    for around in [50, 500] {
        typing_costs_what_was_typed(around);
    }
}

#[track_caller]
fn typing_costs_what_was_typed(around: usize) {
    let mut fixture = Fixture::new(ScriptedModel::new(256, hash));
    let mut cost = Vec::new();
    for typed in ["(", "(a", "(ab", "(abc", "(abcd", "(abc", "(abc ", "(abc +", "(abc + d"] {
        let prompt = Prompt::Fim(FimPrompt {
            prefix: "x".repeat(around),
            typed: typed.to_owned(),
            suffix: "y".repeat(around),
            ..FimPrompt::default()
        });
        let completion = fixture.run(CompletionRequest::new(prompt, 4)).unwrap();
        cost.push(completion.stats.forwarded_tokens);
        assert_eq!(
            completion.stats.prompt_tokens - completion.stats.reused_tokens,
            *cost.last().unwrap()
        );
    }
    assert!(cost[0] > 100);
    assert!(cost[1..].iter().all(|cost| *cost <= 4), "{cost:?}");
}

/// A completion with and without guesses: the same, whatever the model writes.
#[test]
fn guesses_change_nothing_but_the_number_of_passes() {
    // What it writes repeats the prompt in part, so that some guesses are right and some wrong.
    let text = "let a = f(x, y); let b = f(x, z); let c = f(x, y);";
    let script = tokenizer(true).encode(&text.repeat(3));
    let next = move |held: &[u32]| script[(held.len() * 7 / 8) % script.len()];
    let mut drafted = Fixture::new(ScriptedModel::new(2000, next.clone()));
    let mut plain = Fixture::new(ScriptedModel::new(2000, next));
    for max_tokens in [0, 1, 2, 3, 30, 300] {
        for stop in [None, Some("b = f"), Some("z)")] {
            let request = |drafts| CompletionRequest {
                drafts,
                stop_when: stop
                    .map(|stop| -> crate::StopWhen { Box::new(move |text: &str, _: &[_]| text.ends_with(stop)) }),
                ..CompletionRequest::new(fim(text, "\n"), max_tokens)
            };
            let (with, without) = (drafted.run(request(true)).unwrap(), plain.run(request(false)).unwrap());
            assert_eq!(
                (&with.text, &with.tokens, with.finish, with.logprob),
                (&without.text, &without.tokens, without.finish, without.logprob)
            );
            assert!(with.stats.accepted_tokens <= with.stats.drafted_tokens);
            assert_eq!(without.stats.drafted_tokens, 0);
            let (passes, tokens) = (drafted.forwards(), plain.forwards());
            assert!(passes.len() <= tokens.len());
            if max_tokens == 300 && stop.is_none() {
                assert!(with.stats.accepted_tokens > 30, "{:?}", with.stats);
                assert!(
                    with.stats.accepted_tokens < with.stats.drafted_tokens,
                    "{:?}",
                    with.stats
                );
                assert!(
                    passes.len() * 3 < tokens.len() * 2,
                    "{} of {}",
                    passes.len(),
                    tokens.len()
                );
            }
        }
    }
}

/// What was written in one document is a guess in another one, with which it shares no beginning.
#[test]
fn another_sequence_is_looked_at_for_guesses() {
    let said = "fn area(w, h) { return w * h; } // 0123456789";
    let mut fixture = Fixture::saying(said);
    // Long enough that the second document does not take the place of the first.
    let mut run = |line: &str| {
        let prompt = fim(&line.repeat(40), "");
        let completion = fixture.run(CompletionRequest::new(prompt, 60)).unwrap();
        assert!(completion.text.starts_with("fn area"), "{}", completion.text);
        (completion.stats.accepted_tokens, fixture.forwards().len())
    };
    let (_, first) = run("one\n");
    let (accepted, second) = run("another\n");
    assert!(
        accepted >= 20 && 2 * second < first,
        "{accepted} accepted, {first} and {second} passes"
    );
}
