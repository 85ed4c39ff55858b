//! How long the engine goes on after a request was cancelled while its prompt is read, in milliseconds.
//!
//!     cargo run -p codegemma-tests --example cancelling -- MODEL [COUNT]
//!
//! Each of the requests (100) is cancelled at a random moment of the reading of a prompt that nothing is held of. Nothing
//! else may run meanwhile.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use codegemma_model::{CompletionRequest, Engine, Finish, LoadOptions, ModelSource, Prompt};
use codegemma_tests::Random;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let model = args.next().ok_or("which model? Give the path of its file")?;
    let count = args.next().map_or(Ok(100), |count| count.to_string_lossy().parse())?;
    let engine = Engine::load(&ModelSource::Path(PathBuf::from(model)), &LoadOptions::default())?;
    let mut random = Random::new(1);
    let mut took: Vec<Duration> = Vec::new();
    while took.len() < count {
        // Other numbers each time, so that nothing of it is held.
        let text: String = (0..400)
            .map(|_| format!("let x{} = {};\n", random.below(1000), random.below(1000)))
            .collect();
        let request = CompletionRequest::new(Prompt::Plain(text), 1);
        let cancel = request.cancel.clone();
        let (sender, receiver) = mpsc::channel();
        engine.submit(request, move |answer| {
            let _ = sender.send((Instant::now(), answer));
        });
        std::thread::sleep(Duration::from_millis(random.below(1500) as u64));
        let cancelled = Instant::now();
        cancel.cancel();
        let (ended, answer) = receiver.recv()?;
        // Some were read by then.
        if answer?.finish == Finish::Cancelled {
            took.push(ended.saturating_duration_since(cancelled));
        }
    }
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    writeln!(
        stdout(),
        "{count} requests: median {:.1} ms, 99th percentile {:.1}, longest {:.1}",
        at(50),
        at(99),
        at(100)
    )?;
    Ok(())
}
