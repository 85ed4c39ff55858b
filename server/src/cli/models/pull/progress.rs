//! How a pull goes, for whoever watches: a bar on a terminal, a line each tenth elsewhere, or lines of JSON.
//!
//! It must not know what is pulled.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use codegemma_hub::Watcher;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::cli::output::{self, size};

/// How often lines of JSON come at most.
const PAUSE: Duration = Duration::from_millis(100);

/// Shows how a pull goes.
pub(super) struct Progress {
    total: u64,
    /// The bytes of the files that are whole.
    before: AtomicU64,
    shown: Shown,
    /// Whether anything was shown yet.
    begun: AtomicBool,
}

enum Shown {
    Bar(ProgressBar),
    /// The last tenth that was said.
    Lines(AtomicU64),
    /// When something was said last, and what.
    Json(Mutex<Option<(Instant, u64)>>),
}

impl Progress {
    pub(super) fn new(total: u64, json: bool) -> Self {
        let shown = match (json, std::io::stderr().is_terminal()) {
            (true, _) => Shown::Json(Mutex::new(None)),
            (false, true) => {
                let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
                let style = "{bar:30} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";
                if let Ok(style) = ProgressStyle::with_template(style) {
                    bar.set_style(style);
                }
                Shown::Bar(bar)
            }
            (false, false) => Shown::Lines(AtomicU64::new(0)),
        };
        Self {
            total,
            before: AtomicU64::new(0),
            shown,
            begun: AtomicBool::new(false),
        }
    }

    /// A file is whole.
    pub(super) fn end_file(&self, bytes: u64) {
        self.before.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn finish(&self) {
        match &self.shown {
            Shown::Bar(bar) => bar.finish_and_clear(),
            Shown::Lines(_) => {}
            Shown::Json(last) => {
                if let Some((_, bytes)) = last.lock().unwrap_or_else(PoisonError::into_inner).take()
                    && bytes < self.total
                {
                    self.print(self.total);
                }
            }
        }
    }

    fn print(&self, bytes: u64) {
        // Whoever closes the pipe wants to know no more; the pull goes on.
        let _ = output::print_json(&json!({"event": "progress", "bytes": bytes, "total": self.total}));
    }

    fn say(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| output::note(text)),
            _ => output::note(text),
        }
    }
}

impl Watcher for Progress {
    fn progress(&self, bytes: u64) {
        let bytes = (self.before.load(Ordering::Relaxed) + bytes).min(self.total);
        let is_first = !self.begun.swap(true, Ordering::Relaxed);
        match &self.shown {
            Shown::Bar(bar) => {
                bar.set_position(bytes);
                // What was there before has no rate.
                if is_first {
                    bar.reset_eta();
                }
            }
            Shown::Lines(last) => {
                let tenth = bytes * 10 / self.total.max(1);
                let before = last.swap(tenth, Ordering::Relaxed);
                if tenth > before && !is_first {
                    output::note(&format!("{}0 %, {} of {}", tenth, size(bytes), size(self.total)));
                }
            }
            Shown::Json(last) => {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                let is_due = last.is_none_or(|(at, said)| at.elapsed() >= PAUSE && said != bytes);
                if is_due {
                    *last = Some((Instant::now(), bytes));
                    self.print(bytes);
                }
            }
        }
    }

    fn waits(&self) {
        self.say("the same file is being pulled already; this waits for it");
    }

    fn retries(&self, message: &str) {
        self.say(&format!("{message}; trying again"));
    }
}
