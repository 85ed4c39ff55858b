use ropey::Rope;

use super::*;
use crate::config::settings::Settings;
use crate::documents::position::{Encoding, LineColumn};

/// Open documents and what is known of them, with jobs that are run at once.
#[derive(Default)]
struct Desk {
    documents: HashMap<String, Document>,
    contexts: ContextQueue,
    version: i32,
    /// How many choices were made.
    made: usize,
}

impl Desk {
    fn open(&mut self, name: &str, text: &str) {
        self.open_beside(name, text);
        self.settle();
    }

    /// Opens one as an editor that opens several at once.
    fn open_beside(&mut self, name: &str, text: &str) {
        let document = Document::new(text, 1, "rust", Some(name.to_owned()));
        self.documents.insert(name.to_owned(), document);
        self.contexts.add(name, Some(&Path::new("/nowhere").join(name)), None);
        self.contexts.opened(name);
    }

    fn settle(&mut self) {
        while let Some(context_job) = self.contexts.context_job(
            &self.documents,
            |_| true,
            Settings::default().context,
            &Arc::default(),
            8192,
        ) {
            assert!(
                self.contexts
                    .context_job(
                        &self.documents,
                        |_| true,
                        Settings::default().context,
                        &Arc::default(),
                        8192
                    )
                    .is_none(),
                "one at a time"
            );
            let made = context_job.run();
            self.contexts.done(Some(made));
            self.made += 1;
        }
    }

    fn insert(&mut self, name: &str, line: usize, column: usize, text: &str) {
        self.version += 1;
        let at = LineColumn { line, column };
        let mut change = Change {
            range: Some((at, at)),
            text: text.to_owned(),
        };
        let document = self.documents.get_mut(name).unwrap();
        document
            .apply(self.version, std::slice::from_mut(&mut change), Encoding::Utf8)
            .unwrap();
        self.contexts.edited(name, &[change]);
        self.settle();
    }

    fn files(&self, name: &str) -> Vec<(String, String)> {
        let files = self.contexts.choice(name).files().into_iter();
        files.map(|file| (file.path, file.text)).collect()
    }
}

fn file(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

#[test]
fn the_choice_stays_while_the_user_types() {
    let mut desk = Desk::default();
    desk.open("b.rs", "struct Shape;\n");
    desk.open("a.rs", "fn f(s: Shape) {}\n");
    assert_eq!(desk.files("a.rs"), [file("b.rs", "struct Shape;\n")]);
    assert_eq!(desk.made, 2);
    let before = desk.contexts.choice("a.rs");
    for column in 0..100 {
        desk.insert("a.rs", 0, column, "x");
        desk.contexts.used("a.rs", Some(0));
        desk.settle();
    }
    assert_eq!(desk.made, 2, "nothing is chosen while the user types");
    assert!(
        Arc::ptr_eq(&before, &desk.contexts.choice("a.rs")),
        "it is the same choice"
    );
}

#[test]
fn whoever_comes_back_from_another_document_sees_it_as_it_is() {
    let mut desk = Desk::default();
    desk.open("b.rs", "struct Shape;\n");
    desk.open("a.rs", "fn f(s: Shape) {}\n");
    for (column, key) in "; f()".chars().enumerate() {
        desk.insert("a.rs", 0, 15 + column, &key.to_string());
    }
    assert_eq!(desk.made, 2);
    desk.insert("b.rs", 1, 0, "struct Edge;");
    assert_eq!(desk.made, 3, "the user is in another document");
    for column in 12..20 {
        desk.insert("b.rs", 1, column, "/");
    }
    assert_eq!(desk.made, 3);
    assert_eq!(
        desk.files("a.rs"),
        [file("b.rs", "struct Shape;\n")],
        "who is away changes nothing"
    );
    desk.contexts.used("a.rs", Some(0));
    desk.settle();
    assert_eq!(desk.made, 4);
    assert_eq!(
        desk.files("a.rs"),
        [file("b.rs", "struct Shape;\nstruct Edge;////////")]
    );
    assert_eq!(desk.contexts.choice("a.rs").pieces[0].source.as_str(), "edited");
    // There and back again without an edit: the same pieces.
    let before = desk.contexts.choice("a.rs");
    desk.contexts.used("b.rs", Some(0));
    desk.contexts.used("a.rs", Some(0));
    desk.settle();
    assert!(Arc::ptr_eq(&before, &desk.contexts.choice("a.rs")));
}

#[test]
fn what_nobody_uses_waits_until_somebody_does() {
    let mut desk = Desk::default();
    let names: Vec<String> = (0..200).map(|number| format!("{number}.rs")).collect();
    for name in &names {
        desk.open_beside(name, "struct Shape;\n");
    }
    desk.settle();
    assert_eq!(desk.made, 1, "the last one is looked at");
    assert!(!desk.contexts.is_used("199.rs"));
    desk.contexts.closed("199.rs");
    desk.documents.remove("199.rs");
    for (made, name) in names[..100].iter().enumerate() {
        desk.contexts.used(name, Some(0));
        desk.settle();
        assert_eq!(desk.made, made + 2);
        assert!(desk.contexts.is_used(name));
    }
    let kept = |name: &&String| !desk.contexts.choice(name).pieces.is_empty();
    assert!(names.iter().filter(kept).count() <= MOST_CHOICES + 1);
    // The last one that was opened is looked at again, without another in between.
    let mut desk = Desk::default();
    desk.open_beside("a.rs", "struct Shape;\n");
    desk.open("b.rs", "fn f(s: Shape) {}\n");
    desk.contexts.closed("b.rs");
    desk.documents.remove("b.rs");
    desk.contexts.used("a.rs", Some(0));
    desk.settle();
    assert_eq!(desk.made, 2);
}

#[test]
fn what_is_closed_is_not_shown() {
    let mut desk = Desk::default();
    desk.open("b.rs", "struct Shape;\n");
    desk.open("a.rs", "fn f(s: Shape) {}\n");
    desk.contexts.closed("b.rs");
    desk.documents.remove("b.rs");
    desk.contexts.want("a.rs");
    desk.contexts.want("b.rs");
    desk.settle();
    assert_eq!(desk.files("a.rs"), []);
    assert_eq!(desk.files("b.rs"), []);
}

#[test]
fn the_switches_are_obeyed() {
    let mut desk = Desk::default();
    desk.open("b.rs", "struct Shape;\n");
    desk.open("a.rs", "fn f(s: Shape) {}\n");
    desk.insert("b.rs", 0, 0, "pub ");
    let shown = |desk: &mut Desk, open_files, recent_edits| {
        desk.contexts.used("a.rs", None);
        desk.contexts.want_all();
        let sources = ContextSources {
            open_files,
            recent_edits,
            imports: false,
        };
        while let Some(context_job) =
            desk.contexts
                .context_job(&desk.documents, |_| true, sources, &Arc::default(), 8192)
        {
            let made = context_job.run();
            desk.contexts.done(Some(made));
        }
        let pieces = desk.contexts.choice("a.rs").pieces.clone();
        pieces.iter().map(|piece| piece.source.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&mut desk, true, true), ["edited"]);
    assert_eq!(shown(&mut desk, true, false), ["open"]);
    assert_eq!(shown(&mut desk, false, true), ["edited"]);
    assert_eq!(shown(&mut desk, false, false), [] as [&str; 0]);
}

#[test]
fn a_job_that_failed_is_not_the_last() {
    let mut desk = Desk::default();
    desk.open("a.rs", "");
    desk.contexts.want("a.rs");
    let context_job = desk.contexts.context_job(
        &desk.documents,
        |_| true,
        Settings::default().context,
        &Arc::default(),
        8192,
    );
    assert!(context_job.is_some());
    desk.contexts.done(None);
    desk.contexts.want("a.rs");
    desk.settle();
    assert_eq!(desk.made, 2);
}

#[test]
fn edits_are_regions_of_the_text_as_it_is() {
    let check = |from: (usize, usize), to: (usize, usize), text: &str| {
        let mut desk = Desk::default();
        let lines: String = (0..100).map(|n| format!("line {n}\n")).collect();
        desk.open("a.rs", &lines);
        let at = |(line, column)| LineColumn { line, column };
        let mut change = Change {
            range: Some((at(from), at(to))),
            text: text.to_owned(),
        };
        let document = desk.documents.get_mut("a.rs").unwrap();
        document
            .apply(2, std::slice::from_mut(&mut change), Encoding::Utf8)
            .unwrap();
        desk.contexts.edited("a.rs", &[change]);
        let edited = desk.contexts.recent.others("").next().unwrap().1[0].clone();
        let text: &Rope = &desk.documents["a.rs"].text;
        text.byte_slice(text.line_to_byte(edited.start)..text.line_to_byte(edited.end))
            .to_string()
    };
    assert_eq!(check((10, 0), (10, 0), "x"), "xline 10\n");
    assert_eq!(check((10, 4), (10, 4), "\n"), "line\n 10\n");
    assert_eq!(check((10, 0), (12, 0), ""), "line 12\n");
    assert_eq!(check((10, 0), (12, 4), "a\r\nb\nc"), "a\r\nb\nc 12\n");
}
