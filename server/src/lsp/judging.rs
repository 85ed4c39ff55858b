//! Finding out which documents the model may see, on threads that no message waits for, and the requests that do wait.
//!
//! A file system that does not answer keeps its own documents from being completed and no others. It must not know the
//! rules.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::panics::fenced;
use crate::session::{Judging, Session};

/// How long a request waits at most.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it looks whether somebody else is held up.
const LOOK: Duration = Duration::from_millis(100);

impl Shared {
    /// Has found out what is to be.
    pub(super) fn judge(self: &Arc<Self>, session: &mut Session) {
        let Some(judging) = session.begin_judging() else {
            return;
        };
        let (shared, question) = (self.clone(), judging.clone());
        let judge = move || {
            let mut next = Some(judging);
            while let Some(judging) = next {
                next = shared.judge_one(judging);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("judge".to_owned()).spawn(judge) {
            session.judged_by_nobody(question);
            tracing::error!("no thread to look at files ({error}); close other programs");
        }
    }

    fn judge_one(self: &Arc<Self>, judging: Judging) -> Option<Judging> {
        // Where that panics the file is hidden.
        let answer = fenced(|| judging.run());
        let mut session = self.lock();
        let next = session.judged(judging, answer);
        self.tend(&mut session);
        drop(session);
        self.judged.send_replace(());
        next
    }

    /// Waits for a moment until it is known whether the model may see a document. Says whether the document is still what
    /// it was.
    pub(super) async fn is_judged(self: &Arc<Self>, document: &str) -> bool {
        let (mut judged, version) = {
            let mut session = self.lock();
            if !session.is_unjudged(document) {
                return true;
            }
            self.judge(&mut session);
            (self.judged.subscribe(), session.version(document))
        };
        let until = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < until {
            // Whoever sends lives as long as this.
            drop(tokio::time::timeout(LOOK, judged.changed()).await);
            let mut session = self.lock();
            if !session.is_unjudged(document) {
                return session.version(document) == version;
            }
            self.judge(&mut session);
        }
        true
    }
}
