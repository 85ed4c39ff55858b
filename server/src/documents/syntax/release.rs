//! Trees whose memory is given back elsewhere: that of a large text has a million pieces, and giving those back takes
//! longer than a message may wait.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError, mpsc};

use tree_sitter::Tree;

use crate::process::priority;

/// A tree with fewer nodes is given back at once, in well under a millisecond.
const LARGE: usize = 5_000;

/// A tree that may be dropped anywhere.
#[derive(Debug, Clone)]
pub(super) struct KeptTree(Option<Tree>);

impl From<Tree> for KeptTree {
    fn from(tree: Tree) -> Self {
        Self(Some(tree))
    }
}

impl Deref for KeptTree {
    type Target = Tree;

    fn deref(&self) -> &Tree {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for KeptTree {
    fn deref_mut(&mut self) -> &mut Tree {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for KeptTree {
    fn drop(&mut self) {
        if let Some(tree) = self.0.take()
            && tree.root_node().descendant_count() >= LARGE
        {
            release(tree);
        }
    }
}

/// Has a thread of its own drop a tree; where there is none it is dropped here.
fn release(tree: Tree) {
    static THREAD: Mutex<Option<mpsc::Sender<Tree>>> = Mutex::new(None);
    let mut thread = THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    if thread.is_none() {
        let (sender, trees) = mpsc::channel();
        let serve = move || {
            priority::give_way();
            trees.into_iter().for_each(drop);
        };
        let spawned = std::thread::Builder::new().name("release".to_owned()).spawn(serve);
        *thread = spawned.is_ok().then_some(sender);
    }
    let sent = thread.as_ref().map(|thread| thread.send(tree));
    // One that could not be sent is in the error, and is dropped with it after the lock.
    drop(thread);
    drop(sent);
}
