//! The engine thread: it owns the model and the sequences that are held.
//!
//! Must not know what a completion is for. It fences panics: one request fails, the next is served.

mod allowance;
mod mailbox;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use allowance::Allowance;
use mailbox::{Job, Mailbox, Next, Reply, Work};

use crate::container::Files;
use crate::draft::Drafter;
use crate::encoded::Encoder;
use crate::generate::windows::Windows;
use crate::generate::{self, Interrupt, generate};
use crate::model::{LoadOptions, Model, ModelInfo};
use crate::persist::Store;
use crate::score::{ScoreRequest, score};
use crate::sequence::{LanguageModel, Sequences};
use crate::tokenizer::Tokenizer;
use crate::{
    CancelToken, Completion, CompletionRequest, LoadError, ModelSource, Prompt, PromptProgress, RequestError, Score,
};

/// The memory for the keys and values of sequences that are held, where nothing else is said.
const DEFAULT_CACHE_BYTES: usize = 1 << 30;

/// Nobody asks for anything for so long before what is held is kept in a file.
const QUIET: Duration = Duration::from_secs(2);

/// A loaded model and the thread that runs it. Dropping it stops what runs and joins the thread.
pub struct Engine {
    info: ModelInfo,
    tokenizer: Arc<Tokenizer>,
    files: Arc<Files>,
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Loads a model and starts the thread. Blocks while it reads.
    pub fn load(source: &ModelSource, options: &LoadOptions) -> Result<Self, LoadError> {
        let model = Model::load(source, options)?;
        let (info, tokenizer) = (model.info().clone(), Arc::clone(model.tokenizer()));
        let cache_bytes = options.cache_bytes.unwrap_or(DEFAULT_CACHE_BYTES);
        let (files, kept) = (model.files().clone(), options.keep_sequences.clone());
        let mut engine = Self::begin(info, tokenizer, model, cache_bytes, kept, true).map_err(|error| {
            let what = format!("there is no thread to run it in ({error})");
            source.failed(what, "close other programs, or allow this one more memory or threads")
        })?;
        engine.files = files;
        Ok(engine)
    }

    /// An error where a file of the model was cut or written over since it was loaded. Then no request is served any
    /// more, and loading it again helps when the file is whole.
    pub fn check(&self) -> Result<(), String> {
        self.files.check()
    }

    /// Starts the thread for another model than one of a file, with `cache_bytes` for the sequences that it holds and the file
    /// in which they are kept.
    pub fn start<M: LanguageModel + 'static>(
        info: ModelInfo,
        tokenizer: Arc<Tokenizer>,
        model: M,
        cache_bytes: usize,
        kept: Option<PathBuf>,
    ) -> std::io::Result<Self> {
        Self::begin(info, tokenizer, model, cache_bytes, kept, false)
    }

    /// Starts the thread, which learns how fast the model reads where that is to be `measured`.
    fn begin<M: LanguageModel + 'static>(
        info: ModelInfo,
        tokenizer: Arc<Tokenizer>,
        model: M,
        cache_bytes: usize,
        kept: Option<PathBuf>,
        measured: bool,
    ) -> std::io::Result<Self> {
        let mailbox = Arc::<Mailbox>::default();
        let thread = {
            let (mailbox, tokenizer) = (Arc::clone(&mailbox), Arc::clone(&tokenizer));
            let run = move || {
                let mut sequences = Sequences::new(model, cache_bytes);
                if measured && let Err(error) = sequences.measure(&|| mailbox.interrupts()) {
                    tracing::warn!("how fast the model reads is not known yet: {error}");
                }
                let mut store = kept.and_then(|path| Store::open(&path, &mut sequences));
                serve(&mailbox, &tokenizer, &mut sequences, store.as_mut());
                if let Some(mut store) = store {
                    store.save(&sequences);
                }
            };
            std::thread::Builder::new().name("engine".to_owned()).spawn(run)?
        };
        Ok(Self {
            info,
            tokenizer,
            files: Arc::default(),
            mailbox,
            thread: Some(thread),
        })
    }

    /// What was loaded.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The most tokens that the prompt of a request has which is in a hurry, once all of it is read, and of its completion:
    /// what this machine reads in about 20 seconds, within the context.
    pub fn whole_tokens(&self) -> usize {
        // Before the thread has begun it is not known.
        self.mailbox.whole().unwrap_or(self.info.context_tokens)
    }

    /// How far the reading of what stands around the cursor is, where the last request was in a hurry.
    pub fn reading(&self) -> PromptProgress {
        self.mailbox.reading()
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Hands over a request and returns at once. `reply` is called exactly once, on the engine's thread, or on this
    /// one when a request in the mailbox is superseded by this call; it must not block. A newer request supersedes both
    /// the one that waits and the one that runs.
    pub fn submit(
        &self,
        request: CompletionRequest,
        reply: impl FnOnce(Result<Completion, RequestError>) + Send + 'static,
    ) {
        self.mailbox.post(Job::new(Work::Complete(request, Box::new(reply))));
    }

    /// Hands over a request for which nobody waits yet: it runs when there is nothing else to do. The next request of
    /// either kind supersedes it, at the next small chunk. It forgets nothing that was held for requests; where there is
    /// no room beside that, it is given back cancelled. When it is about to begin, `share` says, on the engine's thread,
    /// which share of the time may go to such requests, from 0, with which it is superseded at once, to 1: its deadline
    /// is when that is used up.
    pub fn submit_idle(
        &self,
        request: CompletionRequest,
        share: impl FnOnce() -> f64 + Send + 'static,
        reply: impl FnOnce(Result<Completion, RequestError>) + Send + 'static,
    ) {
        let job = Job {
            idle: Some(Box::new(share)),
            ..Job::new(Work::Complete(request, Box::new(reply)))
        };
        self.mailbox.post_idle(job);
    }

    /// Submits and waits.
    pub fn complete(&self, request: CompletionRequest) -> Result<Completion, RequestError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.submit(request, move |answer| {
            // A send fails only where nobody waits any more.
            let _ = sender.send(answer);
        });
        receiver.recv().unwrap_or(Err(RequestError::Stopped))
    }

    /// How likely the model finds `text` after a prompt, and where `ends` is set, that nothing follows it. Waits; it is
    /// a request like any other, which a newer one supersedes.
    pub fn score(&self, prompt: Prompt, text: &str, ends: bool) -> Result<Score, RequestError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let request = ScoreRequest {
            prompt,
            text: text.to_owned(),
            ends,
        };
        let reply: Reply<Score> = Box::new(move |answer| {
            // As above.
            let _ = sender.send(answer);
        });
        self.mailbox.post(Job::new(Work::Score(request, reply)));
        receiver.recv().unwrap_or(Err(RequestError::Stopped))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.mailbox.stop();
        // A reply may hold the last reference to the engine; its thread cannot wait for itself.
        if let Some(thread) = self
            .thread
            .take()
            .filter(|thread| thread.thread().id() != std::thread::current().id())
        {
            // The thread's own panics are fenced, so that joining it cannot fail.
            let _ = thread.join();
        }
    }
}

/// The engine thread's loop.
fn serve<M: LanguageModel>(
    mailbox: &Mailbox,
    tokenizer: &Tokenizer,
    sequences: &mut Sequences<M>,
    mut store: Option<&mut Store>,
) {
    let (mut drafter, mut encoder) = (Drafter::default(), Encoder::new(tokenizer));
    let mut windows = Windows::new();
    let mut allowance = Allowance::new(Instant::now());
    loop {
        mailbox.set_whole(windows.whole(sequences));
        let quiet = store.as_ref().map(|store| store.due_in().max(QUIET));
        let job = match mailbox.next(windows.is_reading(), quiet) {
            Next::Stop => return,
            Next::Keep => {
                if let Some(store) = &mut store {
                    store.save_soon(sequences);
                }
                continue;
            }
            Next::Grow => {
                let pause = || mailbox.interrupts();
                grow(&pause, sequences, &mut windows, &mut encoder);
                mailbox.set_reading(windows.progress(sequences));
                continue;
            }
            Next::Job(job) => *job,
        };
        if job.idle.is_none() && sequences.owes_growth() {
            let (began, slice) = (Instant::now(), windows.slice());
            let pause = || began.elapsed() >= slice || job.superseded.is_cancelled();
            grow(&pause, sequences, &mut windows, &mut encoder);
        }
        let queued = job.submitted.elapsed();
        let superseded = &job.superseded;
        let began = Instant::now();
        let idle = job.idle.is_some();
        let allowed = job.idle.map(|share| {
            // A caller's panic must not take the engine down.
            let share = catch_unwind(AssertUnwindSafe(share)).unwrap_or(0.0);
            began + allowance.left(share, began)
        });
        if allowed == Some(began) {
            mailbox.done();
            job.work.refuse(RequestError::Superseded);
            continue;
        }
        match job.work {
            Work::Complete(mut request, reply) => {
                let interrupt = Interrupt {
                    cancel: &request.cancel.clone(),
                    superseded,
                    deadline: request.deadline.into_iter().chain(allowed).min(),
                    idle,
                };
                let run = |sequences: &mut _| {
                    generate(
                        sequences,
                        &mut drafter,
                        &mut encoder,
                        &mut windows,
                        &mut request,
                        &interrupt,
                    )
                };
                let answer = fenced(sequences, run).map(|mut completion| {
                    completion.stats.queue = queued;
                    completion
                });
                if idle {
                    allowance.spend(began.elapsed());
                } else {
                    mailbox.set_reading(windows.progress(sequences));
                }
                mailbox.done();
                answer_with(reply, answer);
            }
            Work::Score(request, reply) => {
                let interrupt = Interrupt {
                    cancel: &CancelToken::default(),
                    superseded,
                    deadline: None,
                    idle: false,
                };
                let run = |sequences: &mut _| score(sequences, &mut encoder, &request, &interrupt);
                let answer = fenced(sequences, run);
                mailbox.done();
                answer_with(reply, answer);
            }
        }
    }
}

/// Reads a little of what requests will use, and goes on with the next when that is read; no more of it where that fails.
fn grow<M: LanguageModel>(
    pause: &dyn Fn() -> bool,
    sequences: &mut Sequences<M>,
    windows: &mut Windows,
    encoder: &mut Encoder<'_>,
) {
    let grown = fenced(sequences, |sequences| {
        let most = generate::chunk(sequences, false);
        let read = sequences.grow(most, pause);
        let read = read.map_err(RequestError::Failed)?;
        match read || sequences.growth().is_none() {
            true => windows.grown(sequences, encoder).map_err(RequestError::Failed),
            false => Ok(()),
        }
    });
    if let Err(error) = grown {
        tracing::warn!("what stands around the cursor is not read ahead: {error}");
        windows.narrow();
        sequences.stop_growing();
    }
}

/// Runs one request so that its panic is its own failure.
fn fenced<M: LanguageModel, T>(
    sequences: &mut Sequences<M>,
    run: impl FnOnce(&mut Sequences<M>) -> Result<T, RequestError>,
) -> Result<T, RequestError> {
    sequences.model().check().map_err(RequestError::ModelChanged)?;
    let answer = catch_unwind(AssertUnwindSafe(|| run(sequences))).unwrap_or_else(|panic| {
        // Whatever was under way when it panicked is forgotten.
        sequences.forget();
        Err(RequestError::Failed(message(&*panic)))
    });
    // It may have failed for that reason.
    answer.map_err(|error| {
        sequences
            .model()
            .check()
            .map_or_else(RequestError::ModelChanged, |()| error)
    })
}

/// A caller's reply must not take the engine down either.
fn answer_with<T>(reply: Reply<T>, answer: Result<T, RequestError>) {
    if catch_unwind(AssertUnwindSafe(|| reply(answer))).is_err() {
        tracing::error!("the receiver of an answer panicked");
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked").to_owned()
}

#[cfg(test)]
mod tests;
