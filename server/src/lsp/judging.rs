//! Finding out which documents the model may see, on threads that no message waits for.
//!
//! A file system that does not answer keeps its own documents from being completed and no others. It must not know the
//! rules.

use std::sync::Arc;

use super::shared::Shared;
use crate::process::panics::fenced;
use crate::session::{Judging, Session};

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
        self.run_jobs(&mut session);
        drop(session);
        self.known.send_replace(());
        next
    }
}
