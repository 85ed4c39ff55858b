//! What happens when mapped bytes are lost: when somebody cuts a file that is mapped, reading a page that is gone ends the
//! process with the signal SIGBUS.
//!
//! A handler of that signal puts zeros in the place of a guarded mapping and notes that it is lost; who reads asks
//! afterwards and throws away what was computed. Nothing less helps: locks are only advice on these systems, a file's
//! length may change between any check and the reading, and a copy would take as much memory as the model. Must not know
//! what the bytes are.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Once, OnceLock};

/// A mapping that is watched while this exists.
pub(super) struct Guard(&'static Guarded);

/// An entry of a list that only grows, so that the handler can walk it at any moment. An entry is some tens of bytes and
/// made when a file is mapped.
struct Guarded {
    start: usize,
    len: usize,
    watched: AtomicBool,
    lost: AtomicBool,
    next: *const Guarded,
}

// SAFETY: `next` is set before the entry is shared and never changed; it points to an entry that is never freed.
unsafe impl Sync for Guarded {}

static LIST: AtomicPtr<Guarded> = AtomicPtr::new(ptr::null_mut());

/// What was done about the signal before: Rust's own handler, which tells when a stack has overflowed.
static EARLIER: OnceLock<libc::sigaction> = OnceLock::new();

impl Guard {
    /// Watches bytes that are mapped from a file and begin where a page does.
    pub(super) fn new(mapped: &[u8]) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(install);
        let entry = Box::into_raw(Box::new(Guarded {
            start: mapped.as_ptr() as usize,
            len: mapped.len(),
            watched: AtomicBool::new(!mapped.is_empty()),
            lost: AtomicBool::new(false),
            next: ptr::null(),
        }));
        let mut head = LIST.load(Ordering::Acquire);
        loop {
            // SAFETY: `entry` comes from a `Box` above, and nobody else knows it until the exchange succeeds.
            unsafe { (*entry).next = head };
            match LIST.compare_exchange_weak(head, entry, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: `entry` comes from a `Box` above that nothing frees, and from here on only its atomics change.
                Ok(_) => return Self(unsafe { &*entry }),
                Err(newer) => head = newer,
            }
        }
    }

    /// Whether bytes were gone when they were read. Then all of them are zeros by now.
    pub(super) fn is_lost(&self) -> bool {
        self.0.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.watched.store(false, Ordering::SeqCst);
    }
}

fn install() {
    let mut earlier = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action nothing changes; `earlier` has room for the one that is written.
    if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), earlier.as_mut_ptr()) } != 0 {
        return;
    }
    // SAFETY: the call above has been checked to succeed, so that an action was written.
    let _ = EARLIER.set(unsafe { earlier.assume_init() });
    // SAFETY: the structure has only numbers and a pointer that may be null, for which zeros are values.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_bus_error;
    action.sa_sigaction = handler as usize;
    // On the stack for signals, as Rust's own handler, which may be called on.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: all fields of the action have values by now. The handler has the form that SA_SIGINFO asks for and does only
    // what is allowed in one: atomics and system calls.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) };
}

extern "C" fn on_bus_error(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the system passes a whole `siginfo_t`; for SIGBUS it has an address.
    let address = unsafe { (*info).si_addr() } as usize;
    if !put_zeros_around(address) {
        pass_on(signal, info, context);
    }
}

/// Puts zeros in the place of the mapping that an address is in. Gives whether there is one.
fn put_zeros_around(address: usize) -> bool {
    let mut at: *const Guarded = LIST.load(Ordering::Acquire);
    // SAFETY: what is on the list was made by `Guard::new` and is never freed.
    while let Some(entry) = unsafe { at.as_ref() } {
        at = entry.next;
        if !entry.watched.load(Ordering::SeqCst) || address.wrapping_sub(entry.start) >= entry.len {
            continue;
        }
        entry.lost.store(true, Ordering::SeqCst);
        let (protection, flags) = (libc::PROT_READ, libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANON);
        // SAFETY: the address has been checked to be in this mapping, which `Mapping` keeps for as long as it is watched, so
        // that exactly its pages are replaced. They stay readable; who borrows them may see zeros, and all users take any
        // bytes for numbers.
        let zeros = unsafe { libc::mmap(entry.start as *mut c_void, entry.len, protection, flags, -1, 0) };
        return zeros != libc::MAP_FAILED;
    }
    false
}

/// Does what would have been done without this handler.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let earlier = EARLIER.get();
    match earlier.map(|earlier| (earlier.sa_sigaction, earlier.sa_flags & libc::SA_SIGINFO != 0)) {
        Some((handler, with_info)) if handler != libc::SIG_DFL && handler != libc::SIG_IGN => {
            if with_info {
                // SAFETY: it has been checked to be a function, and with this flag the system calls it in just this form.
                let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                    unsafe { std::mem::transmute(handler) };
                handler(signal, info, context);
            } else {
                // SAFETY: it has been checked to be a function, and without this flag the system calls it in just this form.
                let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
                handler(signal);
            }
        }
        // The signal comes again when this returns, and ends the process. One that another process sent would not.
        _ => unsafe {
            // SAFETY: POSIX lists both functions among those that a handler may call, and `info` is what the system passed.
            libc::signal(signal, libc::SIG_DFL);
            if (*info).si_code <= 0 {
                libc::raise(signal);
            }
        },
    }
}
