//! Decoding works in buffers that are there: a token more costs no memory of any size.
//!
//! A binary of its own, because it counts what every thread of the process allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use codegemma_model::{CompletionRequest, Engine, LoadOptions, ModelSource, Prompt};

/// From this size on an allocation counts. Below it are the notes that candle takes of every operation.
const LARGE: usize = 1024;

static LARGE_ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE {
            LARGE_ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller promises what `GlobalAlloc` asks for, which is all that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller promises that `at` is from `alloc`, which had it from the system's allocator.
        unsafe { System.dealloc(at, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_token_more_allocates_no_buffer() {
    let cache = std::env::var_os("CODEGEMMA_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(dirs::cache_dir()?.join("codegemma-lsp")));
    let model = cache.expect("a cache folder").join("models/gemma-3-270m-q4_k_m.gguf");
    let engine = Engine::load(&ModelSource::Path(model), &LoadOptions::default())
        .expect("the model that `python3 tests/fetch.py --tests` puts there");
    let count = |tokens: usize| {
        let before = LARGE_ALLOCATIONS.load(Ordering::Relaxed);
        let request = CompletionRequest::new(Prompt::Plain("Once upon a time, in a village".to_owned()), tokens);
        let completion = engine.complete(request).expect("a completion");
        assert_eq!(completion.tokens.len(), tokens, "{}", completion.text);
        LARGE_ALLOCATIONS.load(Ordering::Relaxed) - before
    };
    count(80);
    let (few, many) = (count(8), count(72));
    // The lists of what was generated double now and then.
    assert!(many <= few + 16, "{few} for 8 tokens, {many} for 72");
}
