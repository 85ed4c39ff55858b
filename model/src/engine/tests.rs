use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::Engine;
use crate::request::{CompletionRequest, Finish, Prompt};
use crate::testing::{ScriptedModel, info, tokenizer};
use crate::{Completion, RequestError};

const PATIENCE: Duration = Duration::from_secs(20);

fn engine(model: ScriptedModel) -> Engine {
    Engine::start(info(), Arc::new(tokenizer(true)), model, 10_000, None).unwrap()
}

fn request(text: &str) -> CompletionRequest {
    CompletionRequest::new(Prompt::Plain(text.to_owned()), 5)
}

type Answer = Result<Completion, RequestError>;

fn submit(engine: &Engine, request: CompletionRequest) -> mpsc::Receiver<Answer> {
    let (sender, receiver) = mpsc::channel();
    engine.submit(request, move |answer| sender.send(answer).unwrap());
    receiver
}

/// A model that always says `a`. It reports each forward pass and, where `gated`, waits for leave to go on.
fn gated() -> (ScriptedModel, mpsc::Receiver<usize>, mpsc::Sender<()>) {
    let (entered, entries) = mpsc::channel();
    let (leave, leaves) = mpsc::channel::<()>();
    let a = tokenizer(true).encode("a")[0];
    let mut model = ScriptedModel::new(256, move |_| a);
    model.on_forward(move |forwards| {
        // The test may have ended; then nobody listens and nothing holds the model back.
        let _ = entered.send(forwards);
        let _ = leaves.recv();
    });
    (model, entries, leave)
}

#[test]
fn requests_are_answered_one_after_the_other() {
    let engine = engine(ScriptedModel::saying("xyz", tokenizer(true).encode(">")[0]));
    for _ in 0..3 {
        let completion = engine.complete(request("say >")).unwrap();
        assert_eq!((completion.text.as_str(), completion.finish), ("xyz", Finish::Stop));
    }
    assert_eq!(engine.info().name, "scripted");
}

#[test]
fn the_newest_request_wins_and_each_is_answered_once() {
    let (model, entries, leave) = gated();
    let engine = engine(model);
    let running = submit(&engine, request("one"));
    entries.recv_timeout(PATIENCE).unwrap();
    let waiting: Vec<_> = (0..5).map(|_| submit(&engine, request("two"))).collect();
    let newest = submit(&engine, request("three"));
    for older in &waiting {
        // Answered while the first forward pass is still under way.
        assert_eq!(
            older.recv_timeout(PATIENCE).unwrap().unwrap_err(),
            RequestError::Superseded
        );
    }
    drop(leave);
    assert_eq!(
        running.recv_timeout(PATIENCE).unwrap().unwrap_err(),
        RequestError::Superseded
    );
    assert_eq!(newest.recv_timeout(PATIENCE).unwrap().unwrap().text, "aaaaa");
    for receiver in waiting.iter().chain([&running, &newest]) {
        assert!(receiver.try_recv().is_err(), "a second answer");
    }
}

#[test]
fn a_cancelled_request_stops_within_one_step() {
    let (model, entries, leave) = gated();
    let log = Arc::clone(&model.log);
    let engine = engine(model);
    let wanted = request("text");
    let cancel = wanted.cancel.clone();
    let answer = submit(&engine, wanted);
    entries.recv_timeout(PATIENCE).unwrap();
    leave.send(()).unwrap();
    entries.recv_timeout(PATIENCE).unwrap();
    cancel.cancel();
    leave.send(()).unwrap();
    let completion = answer.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!((completion.text.as_str(), completion.finish), ("a", Finish::Cancelled));
    assert_eq!(log.lock().unwrap().len(), 2);
}

#[test]
fn a_panic_fails_one_request() {
    let a = tokenizer(true).encode("a")[0];
    let mut model = ScriptedModel::new(256, move |_| a);
    model.on_forward(|forwards| assert_ne!(forwards, 2, "a kernel fell over"));
    let engine = engine(model);
    let error = engine.complete(request("text")).unwrap_err();
    assert!(
        matches!(&error, RequestError::Failed(what) if what.contains("a kernel fell over")),
        "{error}"
    );
    let completion = engine.complete(request("text")).unwrap();
    assert_eq!(completion.text, "aaaaa");
    assert_eq!(
        completion.stats.reused_tokens, 0,
        "nothing of the failed run is trusted"
    );
}

#[test]
fn a_panicking_receiver_does_not_stop_the_engine() {
    let engine = engine(ScriptedModel::saying("x", 3));
    engine.submit(request("one"), |_| panic!("the receiver fell over"));
    std::thread::sleep(Duration::from_millis(50));
    engine.complete(request("two")).unwrap();
}

#[test]
fn dropping_the_engine_answers_everyone() {
    let (model, entries, leave) = gated();
    let engine = engine(model);
    let running = submit(&engine, request("one"));
    entries.recv_timeout(PATIENCE).unwrap();
    let waiting = submit(&engine, request("two"));
    let dropped = std::thread::spawn(move || drop(engine));
    assert_eq!(
        waiting.recv_timeout(PATIENCE).unwrap().unwrap_err(),
        RequestError::Stopped
    );
    drop(leave);
    assert_eq!(
        running.recv_timeout(PATIENCE).unwrap().unwrap_err(),
        RequestError::Superseded
    );
    dropped.join().unwrap();
}

#[test]
fn texts_are_scored_between_completions() {
    let engine = engine(ScriptedModel::saying("xyz", tokenizer(true).encode(">")[0]));
    let prompt = || Prompt::Plain("say >".to_owned());
    let completion = engine.complete(request("say >")).unwrap();
    let score = engine.score(prompt(), "xyz", false).unwrap();
    assert_eq!((score.tokens, score.logprob), (3, completion.logprob));
    assert_eq!(engine.complete(request("say >")).unwrap().text, "xyz");
    let error = engine.score(prompt(), &"x".repeat(250), false).unwrap_err();
    assert!(matches!(error, RequestError::Invalid(_)), "{error}");
}

#[test]
fn scoring_is_a_request_like_any_other() {
    let (model, entries, leave) = gated();
    let engine = Arc::new(engine(model));
    let scoring = {
        let engine = Arc::clone(&engine);
        std::thread::spawn(move || engine.score(Prompt::Plain("one".to_owned()), "aaa", false))
    };
    entries.recv_timeout(PATIENCE).unwrap();
    let newest = submit(&engine, request("two"));
    drop(leave);
    assert_eq!(scoring.join().unwrap().unwrap_err(), RequestError::Superseded);
    assert_eq!(newest.recv_timeout(PATIENCE).unwrap().unwrap().text, "aaaaa");
}

#[test]
fn a_panic_fails_one_score() {
    let a = tokenizer(true).encode("a")[0];
    let mut model = ScriptedModel::new(256, move |_| a);
    model.on_forward(|forwards| assert_ne!(forwards, 1, "a kernel fell over"));
    let engine = engine(model);
    let score = || engine.score(Prompt::Plain("text".to_owned()), "aa", false);
    assert!(matches!(score(), Err(RequestError::Failed(_))));
    assert_eq!(score().unwrap().tokens, 2);
}

#[test]
fn idle_work_waits_for_its_turn_and_gives_way() {
    let (model, entries, leave) = gated();
    let engine = engine(model);
    let idle = |text: &str| {
        let (sender, receiver) = mpsc::channel();
        engine.submit_idle(request(text), || 1.0, move |answer| sender.send(answer).unwrap());
        receiver
    };
    // It does not disturb what runs, and the newer idle request is the one that counts.
    let running = submit(&engine, request("x"));
    entries.recv_timeout(PATIENCE).unwrap();
    let (older, newer) = (idle("y"), idle("z"));
    assert_eq!(older.recv_timeout(PATIENCE).unwrap(), Err(RequestError::Superseded));
    for _ in 0..5 {
        leave.send(()).unwrap();
    }
    assert_eq!(running.recv_timeout(PATIENCE).unwrap().unwrap().text, "aaaaa");
    // A request supersedes it while it runs.
    while entries.recv_timeout(PATIENCE).unwrap() < 6 {}
    let running = submit(&engine, request("w"));
    leave.send(()).unwrap();
    assert_eq!(newer.recv_timeout(PATIENCE).unwrap(), Err(RequestError::Superseded));
    // And while it waits.
    entries.recv_timeout(PATIENCE).unwrap();
    let waiting = idle("v");
    drop(leave);
    assert_eq!(running.recv_timeout(PATIENCE).unwrap().unwrap().text, "aaaaa");
    assert_eq!(waiting.recv_timeout(PATIENCE).unwrap().unwrap().text, "aaaaa");
}

/// What an idle request was answered, which is waited for.
fn idle(engine: &Engine, request: CompletionRequest, share: impl FnOnce() -> f64 + Send + 'static) -> Answer {
    let (sender, receiver) = mpsc::channel();
    engine.submit_idle(request, share, move |answer| sender.send(answer).unwrap());
    receiver.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn what_was_read_in_idle_time_is_not_read_again() {
    let engine = engine(ScriptedModel::saying("xyz", 3));
    let text = "a".repeat(100);
    let reading = CompletionRequest::reading(Prompt::Plain(text.clone()), 5);
    assert_eq!(idle(&engine, reading, || 1.0).unwrap().stats.forwarded_tokens, 101);
    let completion = engine.complete(request(&text)).unwrap();
    assert_eq!(
        (completion.stats.forwarded_tokens, completion.stats.reused_tokens),
        (1, 100)
    );
}

#[test]
fn a_request_waits_for_one_small_chunk_of_idle_work() {
    let (model, entries, leave) = gated();
    let log = Arc::clone(&model.log);
    let engine = engine(model);
    let (sender, reading) = mpsc::channel();
    let text = "a".repeat(200);
    let wanted = CompletionRequest::reading(Prompt::Plain(text), 5);
    engine.submit_idle(wanted, || 1.0, move |answer| sender.send(answer).unwrap());
    for _ in 0..3 {
        entries.recv_timeout(PATIENCE).unwrap();
        leave.send(()).unwrap();
    }
    entries.recv_timeout(PATIENCE).unwrap();
    let running = submit(&engine, request("something else"));
    drop(leave);
    assert_eq!(reading.recv_timeout(PATIENCE).unwrap(), Err(RequestError::Superseded));
    let completion = running.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(completion.text, "aaaaa");
    // The fourth chunk was under way; then comes what the request needs, as if nothing had been read before.
    let prompt = completion.stats.prompt_tokens - completion.stats.reused_tokens;
    assert_eq!(&log.lock().unwrap()[..5], [16, 16, 16, 16, prompt]);
}

#[test]
fn without_a_share_of_the_time_nothing_is_done_ahead() {
    let engine = engine(ScriptedModel::saying("x", 3));
    for share in [(|| 0.0) as fn() -> f64, || panic!("the battery fell out")] {
        assert_eq!(idle(&engine, request("one"), share), Err(RequestError::Superseded));
    }
    assert_eq!(engine.complete(request("one")).unwrap().stats.reused_tokens, 0);
}
