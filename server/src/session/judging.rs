//! Whether the model may see the open documents. To know that, files are looked at, which may take any time, so it is
//! found out elsewhere; until then a document is neither completed nor shown with others.
//!
//! What is known is known for the ignore files as they were. Where one is another by now, everything is judged anew, and
//! what was chosen and begun before is not used. It must not know what the rules say.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Session;
use crate::policy::files::{self, FilePolicy};
use crate::process::panics::fault;

/// How long one file may take before the others do not wait for it any more.
const PATIENCE: Duration = Duration::from_millis(200);

/// The most files that may take longer than that at a time. What comes then is not completed.
const MOST_SLOW: usize = 32;

/// How old may be what is known of the ignore files when somebody asks for a completion.
const FRESH: Duration = Duration::from_secs(2);

/// What is known, and what is to be found out.
#[derive(Default)]
pub(super) struct Judgements {
    known: HashMap<String, Judgement>,
    wanted: VecDeque<Question>,
    /// Those that are being answered: their number, and since when.
    under_way: Vec<(u64, Instant)>,
    asked: u64,
    /// When it was known last that the ignore files are what they were.
    fresh: Option<Instant>,
    /// Since when it is being found out whether they are.
    checking: Option<Instant>,
    /// Whether ignore files have changed is to be found out once more.
    check_again: bool,
}

/// What is known of a document.
struct Judgement {
    path: PathBuf,
    /// `None` until it is judged.
    visible: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    /// Is this document to be hidden?
    Document(String, PathBuf),
    /// Have ignore files changed?
    Rules,
}

/// A question whose answer takes a look at files.
#[derive(Debug, Clone)]
pub(crate) struct Judging {
    number: u64,
    question: Question,
    policy: Arc<FilePolicy>,
}

impl Judging {
    /// Whether a document is to be hidden, or everything is to be judged anew.
    pub(crate) fn run(&self) -> bool {
        fault("judge file");
        match &self.question {
            Question::Document(_, path) => self.policy.hides(path).is_some(),
            Question::Rules => self.policy.is_stale(),
        }
    }
}

impl Judgements {
    /// A document is open. Without a path of its own it has that in its name, whatever the scheme.
    pub(super) fn opened(&mut self, name: &str, path: Option<&Path>) {
        let path = path.map_or_else(|| files::path_of_uri(name), Path::to_owned);
        self.want(Question::Document(name.to_owned(), path.clone()));
        self.known.insert(name.to_owned(), Judgement { path, visible: None });
    }

    pub(super) fn closed(&mut self, name: &str) {
        self.known.remove(name);
        self.wanted
            .retain(|question| !matches!(question, Question::Document(document, _) if document == name));
    }

    /// Whether the model may see a document; `None` where that is not known yet.
    pub(super) fn is_visible(&self, name: &str) -> Option<bool> {
        self.known.get(name).and_then(|judgement| judgement.visible)
    }

    /// What is known holds no more.
    pub(super) fn forget(&mut self) {
        self.wanted.clear();
        for (name, judgement) in &mut self.known {
            judgement.visible = None;
            self.wanted
                .push_back(Question::Document(name.clone(), judgement.path.clone()));
        }
        (self.checking, self.check_again) = (None, false);
    }

    fn want(&mut self, question: Question) {
        if !self.wanted.contains(&question) {
            self.wanted.push_back(question);
        }
    }

    fn next(&mut self, policy: &Arc<FilePolicy>) -> Option<Judging> {
        let question = self.wanted.pop_front()?;
        self.asked += 1;
        self.under_way.push((self.asked, Instant::now()));
        Some(Judging {
            number: self.asked,
            question,
            policy: policy.clone(),
        })
    }
}

impl Session {
    /// Whether the model may see a document is not known yet.
    pub(crate) fn is_unjudged(&self, name: &str) -> bool {
        self.documents.contains_key(name) && self.judgements.is_visible(name).is_none()
    }

    /// Whether ignore files have changed is found out: somebody says so.
    pub(crate) fn judge_anew(&mut self) {
        match self.judgements.checking {
            // A file that was looked at before does not answer any more.
            Some(since) if since.elapsed() > FRESH => drop(self.guard()),
            Some(_) => self.judgements.check_again = true,
            None => self.check_rules(),
        }
    }

    /// Has it found out whether ignore files have changed, where it was not just now: somebody is at work, and no client
    /// watches all files.
    pub(super) fn judge_now_and_then(&mut self) {
        let fresh = self.judgements.fresh.is_some_and(|fresh| fresh.elapsed() < FRESH);
        let checking = self.judgements.checking.is_some_and(|since| since.elapsed() < FRESH);
        if !fresh && !checking {
            self.judge_anew();
        }
    }

    fn check_rules(&mut self) {
        self.judgements.checking = Some(Instant::now());
        self.judgements.want(Question::Rules);
    }

    /// What is to be found out next, if nobody is at it or those who are take too long.
    pub(crate) fn begin_judging(&mut self) -> Option<Judging> {
        let slow = |(_, since): &(u64, Instant)| since.elapsed() >= PATIENCE;
        let under_way = &self.judgements.under_way;
        let others_wait = under_way.len() < MOST_SLOW && under_way.iter().all(slow);
        others_wait.then(|| self.judgements.next(&self.policy))?
    }

    /// There is nobody to find this out; it is tried again.
    pub(crate) fn judged_by_nobody(&mut self, judging: Judging) {
        self.judgements.under_way.retain(|(other, _)| *other != judging.number);
        self.judgements.want(judging.question);
    }

    /// This was found out, or could not be: then no file is shown for it. Gives what is to be found out next.
    pub(crate) fn judged(&mut self, judging: Judging, answer: Option<bool>) -> Option<Judging> {
        let Judging {
            number,
            question,
            policy,
        } = judging;
        self.judgements.under_way.retain(|(other, _)| *other != number);
        if Arc::ptr_eq(&policy, &self.policy) {
            match question {
                Question::Document(name, path) => self.document_judged(&name, &path, answer == Some(false)),
                Question::Rules => self.rules_checked(answer != Some(false)),
            }
        }
        self.judgements.next(&self.policy)
    }

    fn document_judged(&mut self, name: &str, path: &Path, visible: bool) {
        let Some(judgement) = self.judgements.known.get_mut(name).filter(|known| known.path == path) else {
            return;
        };
        judgement.visible = Some(visible);
        if !visible {
            self.completions.forget(name);
            self.contexts.leave(name);
        }
    }

    fn rules_checked(&mut self, stale: bool) {
        self.judgements.fresh = Some(Instant::now());
        let again = std::mem::take(&mut self.judgements.check_again);
        self.judgements.checking = None;
        if stale {
            drop(self.guard());
        } else if again {
            self.check_rules();
        }
    }

    /// Has a policy for the workspace and the settings, by which everything is judged anew. Says what is wrong with the
    /// patterns of the settings.
    pub(super) fn guard(&mut self) -> Vec<String> {
        let (policy, messages) = FilePolicy::new(self.roots.folders(), &self.settings.exclude);
        self.policy = Arc::new(policy);
        self.completions.renew();
        self.judgements.forget();
        self.contexts.forget_choices();
        messages
    }
}
