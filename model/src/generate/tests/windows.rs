//! Requests in a hurry, with a model that takes a millisecond for each token.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::request::{PromptBudget, PromptProgress, PromptWindow};

/// In this time 100 tokens are read.
const HURRY: PromptBudget = PromptBudget::FirstToken(Duration::from_millis(100));

/// Lines of 10 tokens each.
fn lines(from: usize, to: usize) -> String {
    (from..to).map(|line| format!("a = {line:04}\n")).collect()
}

struct Slow {
    fixture: Fixture,
    /// How long a token takes, in microseconds.
    token: Arc<AtomicU64>,
}

impl Slow {
    fn new() -> Self {
        Self::within(10_000)
    }

    /// One that may hold so many tokens.
    fn within(budget: usize) -> Self {
        let script = tokenizer(true).encode("x;");
        let mut model = ScriptedModel::new(4096, move |held| {
            let begin = held.iter().rposition(|token| *token == MIDDLE).map_or(0, |at| at + 1);
            let written = held[begin..]
                .iter()
                .rev()
                .take_while(|token| script.contains(token))
                .count();
            script.get(written).copied().unwrap_or(1)
        });
        let (log, token) = (model.log.clone(), Arc::new(AtomicU64::new(1000)));
        let takes = token.clone();
        model.on_forward(move |_| {
            let tokens = log.lock().unwrap().last().copied().unwrap_or(0) as u64;
            std::thread::sleep(Duration::from_micros(tokens * takes.load(Ordering::Relaxed)));
        });
        let mut fixture = Fixture::within(budget, model);
        fixture.sequences.measure(&|| false).unwrap();
        fixture.forwards();
        Self { fixture, token }
    }

    fn ask(&mut self, prefix: &str, typed: &str, budget: PromptBudget) -> Completion {
        let prompt = FimPrompt {
            prefix: prefix.to_owned(),
            typed: typed.to_owned(),
            suffix: lines(900, 920),
            ..FimPrompt::default()
        };
        let request = CompletionRequest {
            budget,
            ..CompletionRequest::new(Prompt::Fim(prompt), 5)
        };
        self.fixture.run(request).unwrap()
    }

    /// Reads a little beside what was asked for; false when there is nothing to read.
    fn grow(&mut self) -> bool {
        let Fixture { sequences, windows, .. } = &mut self.fixture;
        if !windows.is_reading() {
            return false;
        }
        if sequences.grow(16, &|| false).unwrap() {
            let tokenizer = tokenizer(true);
            windows.grown(sequences, &mut Encoder::new(&tokenizer)).unwrap();
        }
        true
    }
}

#[test]
fn a_request_reads_what_is_read_in_time_and_the_rest_meanwhile() {
    let mut slow = Slow::new();
    let prefix = lines(0, 100);
    let first = slow.ask(&prefix, "b = ", HURRY);
    let stats = first.stats;
    assert_eq!((first.text.as_str(), stats.reading.window), ("x;", PromptWindow::Near));
    assert!((20..=110).contains(&stats.prompt_tokens), "{stats:?}");
    assert!(stats.reading.whole_tokens > 1000, "{stats:?}");
    assert!(
        stats.reading.next.is_some_and(|(_, of)| of > 2 * stats.prompt_tokens),
        "{stats:?}"
    );

    slow.fixture.forwards();
    while slow.grow() {}
    let read: usize = slow.fixture.forwards().iter().sum();
    assert!(read <= 2 * stats.reading.whole_tokens, "{read}");
    let then = slow.ask(&prefix, "b = ", HURRY);
    assert_eq!(
        (then.text.as_str(), then.stats.reading.window),
        ("x;", PromptWindow::Whole)
    );
    assert_eq!((then.stats.forwarded_tokens, then.stats.reading.next), (1, None));
    assert_eq!(then.stats.prompt_tokens, stats.reading.whole_tokens);
}

#[test]
fn typing_goes_on_while_more_is_read_and_changes_over_to_it() {
    let mut slow = Slow::new();
    let prefix = lines(0, 100);
    let mut typed = "b = ".to_owned();
    let mut sizes = vec![slow.ask(&prefix, &typed, HURRY).stats.prompt_tokens];
    slow.fixture.forwards();
    let mut read = 0;
    while slow.grow() {
        read += slow.fixture.forwards().iter().sum::<usize>();
        typed.push('y');
        let stats = slow.ask(&prefix, &typed, HURRY).stats;
        assert!(stats.forwarded_tokens <= 12, "a key is cheap: {stats:?}");
        sizes.push(stats.prompt_tokens);
        slow.fixture.forwards();
    }
    let whole = slow.ask(&prefix, &typed, HURRY).stats;
    assert_eq!(whole.reading.window, PromptWindow::Whole);
    assert!(whole.forwarded_tokens <= 12, "{whole:?}");
    assert!(sizes.is_sorted(), "it never gets less: {sizes:?}");
    assert!(
        read <= 2 * whole.reading.whole_tokens,
        "{read} of {}",
        whole.reading.whole_tokens
    );
}

#[test]
fn a_new_place_is_read_anew_and_a_known_one_is_not() {
    let mut slow = Slow::new();
    let prefix = lines(0, 100);
    slow.ask(&prefix, "", HURRY);
    while slow.grow() {}
    let jumped = slow.ask(&lines(200, 300), "", HURRY).stats;
    assert_eq!(
        (jumped.reading.window, jumped.forwarded_tokens <= 110),
        (PromptWindow::Near, true)
    );
    let back = slow.ask(&prefix, "", HURRY).stats;
    assert_eq!((back.reading.window, back.forwarded_tokens), (PromptWindow::Whole, 1));
    assert!(
        !slow.fixture.windows.is_reading(),
        "what nobody asks for any more is not read"
    );
}

#[test]
fn a_machine_that_becomes_slow_is_asked_for_less() {
    let mut slow = Slow::new();
    let hurry = PromptBudget::FirstToken(Duration::from_millis(300));
    let usual = slow.ask(&lines(0, 100), "", hurry).stats;
    slow.token.store(10_000, Ordering::Relaxed);
    let begin = Instant::now();
    let caught = slow.ask(&lines(200, 300), "", hurry).stats;
    assert!(caught.prompt_tokens < usual.prompt_tokens / 2, "{caught:?}");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    let next = slow.ask(&lines(400, 500), "", hurry).stats;
    assert!(next.forwarded_tokens <= 60, "{next:?}");
}

/// With another limit it would be another prompt, and what was read of it for nothing.
#[test]
fn how_long_the_whole_is_stays_while_it_is_read() {
    let mut slow = Slow::new();
    let whole = |slow: &mut Slow| {
        let Fixture { sequences, windows, .. } = &mut slow.fixture;
        windows.whole(sequences)
    };
    let limit = whole(&mut slow);
    let prefix = lines(0, 100);
    slow.ask(&prefix, "", HURRY);
    assert!(slow.fixture.windows.is_reading());
    // It becomes ten times as slow.
    slow.token.store(10_000, Ordering::Relaxed);
    slow.grow();
    slow.grow();
    assert_eq!(whole(&mut slow), limit);
    while slow.grow() {}
    assert!(whole(&mut slow) < limit, "of the next it is what is read in time");
}

#[test]
fn what_is_read_beside_comes_first_while_requests_come_to_nothing() {
    let mut slow = Slow::new();
    let usual = slow.fixture.windows.slice();
    slow.fixture.windows.begun(PromptProgress::default());
    assert!(slow.fixture.windows.slice() > usual, "one that is not answered yet");
    slow.ask(&lines(0, 100), "", HURRY);
    assert_eq!(slow.fixture.windows.slice(), usual);
}

#[test]
fn whoever_has_time_gets_all_and_no_time_is_some_lines() {
    let mut slow = Slow::new();
    let prefix = lines(0, 100);
    let all = slow.ask(&prefix, "", PromptBudget::Context).stats;
    assert_eq!((all.reading.window, all.reading.next), (PromptWindow::Whole, None));
    let mut slow = Slow::new();
    let none = slow.ask(&prefix, "", PromptBudget::FirstToken(Duration::ZERO)).stats;
    assert_eq!(none.reading.window, PromptWindow::Near);
    assert!((12..40).contains(&none.prompt_tokens), "{none:?}");
    let long = slow
        .ask(&prefix, "", PromptBudget::FirstToken(Duration::from_secs(60)))
        .stats;
    assert_eq!(long.reading.window, PromptWindow::Whole);
}

#[test]
fn a_place_at_either_end_of_a_text_or_in_one_long_line_is_near_too() {
    for prefix in [String::new(), "y".repeat(2000)] {
        let mut slow = Slow::new();
        let stats = slow.ask(&prefix, "", HURRY).stats;
        assert!((4..=110).contains(&stats.forwarded_tokens), "{stats:?}");
    }
}

#[test]
fn what_does_not_fit_beside_is_not_read() {
    let mut slow = Slow::within(512);
    let stats = slow.ask(&lines(0, 100), "", HURRY).stats;
    assert_eq!((stats.reading.window, stats.reading.next), (PromptWindow::Near, None));
    assert!(!slow.fixture.windows.is_reading());
}
