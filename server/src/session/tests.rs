use super::*;
use crate::completion::reason::Reason;
use crate::completion::trigger::Trigger;
use crate::documents::position::LineColumn;

fn start(session: &mut Session) -> Option<Reason> {
    session
        .request("file:///a", LineColumn { line: 0, column: 0 }, Trigger::Invoked, None)
        .err()
}

#[test]
fn without_an_engine_the_reason_is_its_state() {
    let mut session = Session::default();
    assert_eq!(start(&mut session), Some(Reason::Loading));
    session.set_engine(EngineState::Failed("no".to_owned()));
    assert_eq!(start(&mut session), Some(Reason::NoModel));
    session.end();
    assert_eq!(start(&mut session), Some(Reason::Cancelled));
}

#[test]
fn documents_are_named_after_the_folder_that_holds_them() {
    let folder = std::env::temp_dir();
    let mut session = Session { ..Session::default() };
    let folders = |names: [&str; 2]| Roots::new(names.map(|name| folder.join(name)));
    session.enter(folders(["other", "repo"]));
    session.open(
        "a".to_owned(),
        Some(&folder.join("repo").join("src").join("a.rs")),
        "rust",
        1,
        "",
    );
    session.open("b".to_owned(), Some(&folder.join("b.rs")), "rust", 1, "");
    session.open("c".to_owned(), None, "rust", 1, "");
    assert_eq!(session.documents["a"].path.as_deref(), Some("src/a.rs"));
    assert_eq!(session.documents["b"].path.as_deref(), Some("b.rs"));
    assert_eq!(session.documents["c"].path, None);
    session.enter(folders(["repo", "repo/src"]));
    assert_eq!(session.documents["a"].path.as_deref(), Some("a.rs"));
    session.enter(Roots::default());
    assert_eq!(session.documents["a"].path.as_deref(), Some("a.rs"));
    session.enter(folders(["repo", "other"]));
    assert_eq!(session.documents["a"].path.as_deref(), Some("src/a.rs"));
}

#[test]
fn an_edit_moves_the_version_and_a_lost_one_makes_the_document_stale() {
    let mut session = Session::default();
    assert!(session.change("a", 2, &mut []).is_none());
    session.open("a".to_owned(), None, "rust", 1, "x");
    assert!(session.is_at("a", 1));
    let insert = |line| Change {
        range: Some((LineColumn { line, column: 0 }, LineColumn { line, column: 0 })),
        text: "y".to_owned(),
    };
    assert_eq!(session.change("a", 2, &mut [insert(0)]), Some(Ok(())));
    assert!(session.is_at("a", 2) && !session.is_at("a", 1));
    session.lose("a");
    assert_eq!(session.change("a", 3, &mut [insert(9)]), Some(Err(Stale)));
    assert!(!session.is_at("a", 3));
    session.close("a");
    assert!(session.change("a", 4, &mut []).is_none());
}
