use codegemma_model::Prompt;

use super::*;

fn key() -> RunKey {
    RunKey {
        document: "a".to_owned(),
        version: 1,
        entry: None,
        extent: Extent::Line,
        alternatives: 0,
    }
}

fn snapshot(text: &str, offset: usize) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        text: Rope::from_str(text),
        offset,
        ..Snapshot::default()
    })
}

/// A run, one who waits for it, and what the engine got.
fn start() -> (Run, Waiter, CompletionRequest, Reply) {
    let mut submitted = None;
    let request = CompletionRequest::new(Prompt::Plain("x".to_owned()), 8);
    let (run, waiter) = Run::start(key(), snapshot("f;", 1), request, |request, reply| {
        submitted = Some((request, reply))
    });
    let (request, reply) = submitted.unwrap();
    (run, waiter, request, reply)
}

fn completion(text: &str) -> Completion {
    Completion {
        text: text.to_owned(),
        finish: Finish::Stop,
        ..Completion::default()
    }
}

/// The answer, which is there or cannot come.
async fn answer(waiter: Waiter) -> Answer {
    match waiter.within(Duration::from_secs(10)).await {
        Awaited::Finished(answer) => answer,
        Awaited::Underway(so_far) => panic!("nothing came but {so_far:?}"),
    }
}

#[tokio::test]
async fn requests_for_one_place_share_the_answer() {
    let (run, first, _, reply) = start();
    let second = run.join(&key(), &snapshot("f;", 1)).expect("it is the same place");
    assert!(run.join(&key(), &snapshot("f;", 0)).is_none());
    reply(Ok(completion("done")));
    assert_eq!(answer(first).await.unwrap().text, "done");
    assert_eq!(answer(second).await.unwrap().text, "done");
    assert!(
        run.join(&key(), &snapshot("f;", 1)).is_none(),
        "a run that is over is not waited for"
    );
}

#[test]
fn the_run_is_cancelled_when_the_last_one_is_gone() {
    let (run, first, request, _reply) = start();
    let second = run.join(&key(), &snapshot("f;", 1)).unwrap();
    drop(first);
    assert!(!request.cancel.is_cancelled());
    drop(second);
    assert!(request.cancel.is_cancelled());
    assert!(run.join(&key(), &snapshot("f;", 0)).is_none());
}

#[tokio::test]
async fn an_engine_that_is_gone_is_an_answer() {
    let (_flight, waiter, _, reply) = start();
    drop(reply);
    assert_eq!(answer(waiter).await, Err(RequestError::Stopped));
}

#[tokio::test]
async fn the_impatient_get_what_there_is_and_the_run_goes_on() {
    let (run, waiter, mut request, reply) = start();
    request.progress.as_mut().unwrap()(&completion("so far"));
    match waiter.within(Duration::from_millis(1)).await {
        Awaited::Underway(written) => assert_eq!(written.text, "so far"),
        Awaited::Finished(answer) => panic!("nothing was answered, but {answer:?} finished"),
    }
    assert!(!request.cancel.is_cancelled());
    let next = run.join(&key(), &snapshot("f;", 1)).expect("it is under way");
    reply(Ok(completion("done")));
    assert_eq!(answer(next).await.unwrap().text, "done");
}

/// How a request goes on with a run at `f$0;` that has written, and perhaps is done with, `text`.
fn continuation(written: &str, done: bool, marked: &str) -> Option<Continuation> {
    let (run, _passenger, mut request, reply) = start();
    request.progress.as_mut().unwrap()(&completion(written));
    if done {
        reply(Ok(completion(written)));
    }
    let (before, after) = marked.split_once("$0").unwrap();
    let now = snapshot(&format!("{before}{after}"), before.len());
    run.changed(&now.text);
    run.continuation(&key(), &now).map(|(_, continuation)| continuation)
}

#[test]
fn typing_what_was_written_goes_along() {
    for finished in [true, false] {
        let continuation = |marked| continuation("(a, b)", finished, marked);
        let extent = Extent::Line;
        let typed = |typed| {
            Some(Continuation {
                extent,
                typed,
                finished,
            })
        };
        assert_eq!(continuation("f$0;"), typed(0));
        assert_eq!(continuation("f(a$0;"), typed(2));
        assert_eq!(continuation("f($0);"), typed(1), "the editor paired the bracket");
        assert_eq!(continuation("f(x$0;"), None);
        assert_eq!(continuation("g(a$0;"), None);
        assert_eq!(continuation("f(a$0"), None);
        assert_eq!(continuation("f(a$0;;"), None);
        assert_eq!(continuation("$0f;"), None);
        assert_eq!(continuation("é$0"), None);
        assert_eq!(continuation("$0"), None);
        // All of it is typed: what is there to say is for the model to find out.
        assert_eq!(continuation("f(a, b)$0;"), typed(6).filter(|_| !finished));
    }
}

#[test]
fn a_change_that_disagrees_stops_the_run() {
    for (text, stopped) in [
        ("f(a;", false),
        ("f(a);", false),
        ("f(;", false),
        ("f(ab;", false),
        ("f(b;", true),
        ("f", true),
        ("", true),
    ] {
        let (run, _passenger, mut request, _reply) = start();
        request.progress.as_mut().unwrap()(&completion("(a"));
        run.changed(&Rope::from_str(text));
        assert_eq!(request.cancel.is_cancelled(), stopped, "{text}");
    }
}

/// While a popup is open the run is for the text with the entry in it, and its text is not there yet.
#[test]
fn a_run_for_a_popup_s_entry_goes_on_while_that_is_typed() {
    for (text, stopped) in [
        ("f(area;", false),
        ("f(ar;", false),
        ("f(;", false),
        ("f(area();", false),
        ("f(area[;", true),
        ("f(ax;", true),
        ("f;", true),
        ("f(ar", true),
        ("g(ar;", true),
    ] {
        let mut key = key();
        key.entry = Some(Suggestion {
            text: "area".to_owned(),
            range: 2..3,
        });
        let mut submitted = None;
        let request = CompletionRequest::new(Prompt::Plain("x".to_owned()), 8);
        let submit = |request, reply| submitted = Some((request, reply));
        let (run, _passenger) = Run::start(key, snapshot("f(area;", 6), request, submit);
        let (mut request, _reply): (CompletionRequest, Reply) = submitted.unwrap();
        request.progress.as_mut().unwrap()(&completion("("));
        run.changed(&Rope::from_str(text));
        assert_eq!(request.cancel.is_cancelled(), stopped, "{text}");
    }
}
