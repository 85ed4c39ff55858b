//! Grammars whose own scanner may write more of its state than there is room for.
//!
//! A grammar that counts indentation or remembers the names of heredocs has a scanner in C. After each of its tokens
//! tree-sitter has it write its state into 1,024 bytes, and ends the process where it wrote more. Three of them do, a few
//! bytes: YAML's below 253 levels, Python's below 511 in a string, Ruby's in some heredocs. Here they write into more room,
//! and what does not fit is no state, as with the scanners that look at the room themselves: such a text has a poor tree.
//! This must not know what a tree is used for.

use std::ffi::{c_char, c_uint, c_void};
use std::sync::OnceLock;

use tree_sitter::Language;

/// The room that tree-sitter gives a scanner: `TREE_SITTER_SERIALIZATION_BUFFER_SIZE`.
const ROOM: usize = 1024;

/// The most that a scanner writes: all three stop at the first item that begins beyond [`ROOM`], and none is so long.
const MOST: usize = 2 * ROOM;

/// The versions of the layout below.
const VERSIONS: [u32; 2] = [14, 15];

type Serialize = unsafe extern "C" fn(*mut c_void, *mut c_char) -> c_uint;

/// A grammar as `TSLanguage` in tree-sitter's `parser.h` lays it out. Grammars are compiled apart from the library, so
/// that its version stands for exactly this layout.
#[repr(C)]
#[derive(Clone, Copy)]
struct Grammar {
    version: u32,
    counts: [u32; 8],
    longest_alias_sequence: u16,
    tables_and_lexers: [*const c_void; 15],
    keyword_token: u16,
    /// Its tables, and the functions that create, destroy and run it.
    scanner: [*const c_void; 5],
    serialize: Option<Serialize>,
    deserialize: *const c_void,
    primary_states: *const c_void,
}

/// A grammar in version 15 of the layout, which has more at its end.
#[repr(C)]
#[derive(Clone, Copy)]
struct Grammar15 {
    grammar: Grammar,
    name_and_reserved_words: [*const c_void; 2],
    longest_reserved_words: u16,
    supertypes: u32,
    supertype_tables: [*const c_void; 3],
    metadata: [u8; 3],
}

/// A grammar with such a scanner.
trait Overlong {
    /// The grammar as its crate has it.
    fn grammar() -> Language;

    /// Whether the scanner can read again what it wrote.
    fn can_be_read(_state: &[u8]) -> bool {
        true
    }
}

struct Python;

impl Overlong for Python {
    fn grammar() -> Language {
        tree_sitter_python::LANGUAGE.into()
    }
}

struct Yaml;

impl Overlong for Yaml {
    fn grammar() -> Language {
        tree_sitter_yaml::LANGUAGE.into()
    }
}

#[cfg(feature = "ruby")]
struct Ruby;

#[cfg(feature = "ruby")]
impl Overlong for Ruby {
    fn grammar() -> Language {
        tree_sitter_ruby::LANGUAGE.into()
    }

    /// A heredoc's name is written whole, and its length in one byte.
    fn can_be_read(state: &[u8]) -> bool {
        let Some((literals, rest)) = state.split_first() else {
            return true;
        };
        let Some((heredocs, mut rest)) = rest
            .get(5 * usize::from(*literals)..)
            .and_then(|rest| rest.split_first())
        else {
            return false;
        };
        for _ in 0..*heredocs {
            let name = rest.get(3).map_or(usize::MAX, |len| 4 + usize::from(*len));
            let Some(next) = rest.get(name..) else { return false };
            rest = next;
        }
        rest.is_empty()
    }
}

/// Python's grammar.
pub(super) fn python() -> Language {
    static GRAMMAR: OnceLock<Language> = OnceLock::new();
    GRAMMAR.get_or_init(bounded::<Python>).clone()
}

/// YAML's grammar.
pub(super) fn yaml() -> Language {
    static GRAMMAR: OnceLock<Language> = OnceLock::new();
    GRAMMAR.get_or_init(bounded::<Yaml>).clone()
}

/// Ruby's grammar.
#[cfg(feature = "ruby")]
pub(super) fn ruby() -> Language {
    static GRAMMAR: OnceLock<Language> = OnceLock::new();
    GRAMMAR.get_or_init(bounded::<Ruby>).clone()
}

/// The grammar with a scanner that keeps to the room, which is made once and stays. One whose layout is not known stays as
/// it is, and fails the tests.
fn bounded<G: Overlong>() -> Language {
    let original = G::grammar();
    let version = u32::try_from(original.abi_version()).unwrap_or_default();
    if !VERSIONS.contains(&version) {
        return original;
    }
    let raw = original.into_raw();
    let serialize: Option<Serialize> = Some(serialize::<G>);
    let bounded = if version == 14 {
        // SAFETY: the version has been checked to be 14, whose layout `Grammar` is. The pointer is to a constant of the
        // program, from which the copy is made.
        let grammar = unsafe { *raw.cast::<Grammar>() };
        let bounded: &'static Grammar = Box::leak(Box::new(Grammar { serialize, ..grammar }));
        std::ptr::from_ref(bounded).cast()
    } else {
        // SAFETY: the version has been checked to be one of `VERSIONS` and not 14, so that it is 15, whose layout `Grammar15`
        // is. The pointer is to a constant of the program, from which the copy is made.
        let newer = unsafe { *raw.cast::<Grammar15>() };
        let grammar = Grammar {
            serialize,
            ..newer.grammar
        };
        let bounded: &'static Grammar15 = Box::leak(Box::new(Grammar15 { grammar, ..newer }));
        std::ptr::from_ref(bounded).cast()
    };
    // SAFETY: it points to a copy of a grammar that is leaked above, so that it is never freed or changed; what the copy
    // points to is constant too. The one function that is another does what `parser.h` asks of it.
    unsafe { Language::from_raw(bounded) }
}

/// Writes the state of a scanner where it fits, and says how long it is; 0 stands for no state.
///
/// # Safety
///
/// `scanner` is one that the grammar's own scanner made, and `buffer` has [`ROOM`] bytes.
unsafe extern "C" fn serialize<G: Overlong>(scanner: *mut c_void, buffer: *mut c_char) -> c_uint {
    // SAFETY: only `bounded` gives this function away, after it has checked the version, and both layouts begin like this.
    let Some(own) = (unsafe { (*G::grammar().into_raw().cast::<Grammar>()).serialize }) else {
        return 0;
    };
    let mut state = [0_u8; MOST];
    // SAFETY: it is the function that belongs to the caller's scanner, and `MOST` says why it writes fewer bytes than
    // `state` has.
    let len = unsafe { own(scanner, state.as_mut_ptr().cast()) };
    match state.get(..len as usize) {
        Some(written) if written.len() <= ROOM && G::can_be_read(written) => {
            // SAFETY: `written` has been checked to be no longer than `ROOM`, which the caller's buffer has; that is no part of
            // `state`, a local value.
            unsafe { std::ptr::copy_nonoverlapping(written.as_ptr(), buffer.cast(), written.len()) };
            len
        }
        _ => 0,
    }
}
