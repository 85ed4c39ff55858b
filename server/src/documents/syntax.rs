//! A document's syntax tree, kept up with its edits, and what it says about a place.
//!
//! Parsing is incremental and bounded: what a request needs is bounded by counted work, so that the same text gives the
//! same tree on a busy machine, and a whole tree in the background by time. Beyond the bound there is no tree, and
//! requests go on without. This module must not know what the tree is used for.

mod edited;
mod release;

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use ropey::Rope;
use tree_sitter::{InputEdit, Node, ParseOptions, Parser, Point, Tree};

use crate::documents::language::Language;
pub use edited::{Basis, Job, Syntax};
use release::KeptTree;

/// Longer texts have no tree: they are data, and a parse of one takes seconds.
const MOST_BYTES: usize = 2 << 20;

/// How much work a request's tree may take, and a tree with a suggestion in it, in hundreds of tree-sitter's operations.
/// Most take a few; what takes more is a text that was torn apart, as where a line begins in the wrong column.
const MOST_WORK: usize = 2_000;

/// How long a tree may take that no request waits for. Those of people's files take a hundredth; a grammar may need hours
/// for what nobody wrote.
const PATIENCE_ELSEWHERE: Duration = Duration::from_secs(10);

/// The tree of one text.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The language that it was read as.
    pub language: &'static Language,
    tree: KeptTree,
}

/// What a place is part of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Inside {
    /// Anything else.
    #[default]
    Code,
    /// A string, or other text that is data.
    String,
    /// A comment.
    Comment,
}

/// The brackets without a partner in a stretch of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brackets {
    /// The closing ones that those which stay open wait for, the innermost last.
    pub open: String,
    /// Where these open.
    pub opens: Vec<usize>,
    /// Where closing ones stand that close nothing.
    pub orphans: Vec<usize>,
}

impl Parsed {
    /// Reads a whole text, which may take long.
    pub fn new(language: &'static Language, text: &Rope) -> Option<Self> {
        Some(Self {
            language,
            tree: parse(language, text, None, Bound::Time(PATIENCE_ELSEWHERE))?,
        })
    }

    /// The tree of this text with `inserted` in the place of some bytes; both texts are needed.
    pub fn with(&self, before: &Rope, replaced: Range<usize>, inserted: &str, after: &Rope) -> Option<Self> {
        let mut tree = self.tree.clone();
        tree.edit(&edit(before, replaced, inserted.len(), after));
        Some(Self {
            language: self.language,
            tree: parse(self.language, after, Some(&tree), Bound::Work(MOST_WORK))?,
        })
    }

    /// How many places there are where the grammar does not know how to go on: pieces that it leaves out, and those that
    /// it misses.
    pub fn errors(&self) -> usize {
        self.error_nodes().count()
    }

    /// Where the first of these begins in a range of bytes.
    pub fn first_error(&self, range: Range<usize>) -> Option<usize> {
        let starts = self.error_nodes().map(|node| node.start_byte());
        starts.filter(|start| range.contains(start)).min()
    }

    fn error_nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let mut nodes = vec![self.tree.root_node()];
        let next = move || {
            let node = nodes.pop()?;
            if node.has_error() {
                nodes.extend(node.children(&mut node.walk()));
            }
            Some(node)
        };
        std::iter::from_fn(next).filter(|node| node.is_error() || node.is_missing())
    }

    /// The bytes of the outermost piece of the text that a place is in or at the edge of; all of them where it is in none.
    pub fn outermost(&self, offset: usize) -> Range<usize> {
        let root = self.tree.root_node();
        let mut cursor = root.walk();
        let found = cursor.goto_first_child_for_byte(offset.saturating_sub(1)).is_some();
        let node = if found { cursor.node() } else { root };
        match node.start_byte() <= offset {
            true => node.byte_range(),
            false => root.byte_range(),
        }
    }

    /// The brackets between two bytes that have no partner there.
    pub fn brackets(&self, range: Range<usize>) -> Brackets {
        let mut brackets = Brackets::default();
        for leaf in self.leaves(range) {
            match bracket(&leaf) {
                Some((closer, false)) => {
                    brackets.open.push(closer);
                    brackets.opens.push(leaf.start_byte());
                }
                // What an opening one lacks is not the fault of one that closes another further out.
                Some((closer, true)) => match brackets.open.rfind(closer) {
                    Some(at) => {
                        brackets.open.truncate(at);
                        brackets.opens.truncate(at);
                    }
                    None => brackets.orphans.push(leaf.start_byte()),
                },
                None => {}
            }
        }
        brackets
    }

    /// What the place at a byte offset is part of. Where a string or a closed comment ends, it is over.
    pub fn inside(&self, text: &Rope, offset: usize) -> Inside {
        let Some(before) = offset.checked_sub(1) else {
            return Inside::Code;
        };
        // From the root down: a node finds its parent only from there, and trees may be very deep.
        let mut around = Vec::new();
        let mut cursor = self.tree.walk();
        while cursor.node().start_byte() <= before && cursor.node().end_byte() >= offset {
            let node = cursor.node();
            let (range, kind) = (node.byte_range(), node.kind());
            let within = range.start < offset && offset < range.end;
            if self.language.comments.contains(&kind) {
                let begun = text.byte_slice(range.start.min(offset)..offset);
                // One to the end of the line is over only where the line is.
                let line = !["/*", "<!--", "--[["].iter().any(|open| starts_with(begun, open));
                let over = begun.chars().any(|c| matches!(c, '\n' | '\r'));
                if (line && !over) || (!line && within) {
                    around.push(Inside::Comment);
                }
            } else if within && self.language.strings.contains(&kind) {
                around.push(Inside::String);
            } else if within && self.language.substitutions.contains(&kind) {
                around.push(Inside::Code);
            }
            if cursor.goto_first_child_for_byte(before).is_none() {
                break;
            }
        }
        around.pop().unwrap_or_default()
    }

    /// The leaves of the tree that begin in a range of bytes, in order.
    pub fn leaves(&self, range: Range<usize>) -> Vec<Node<'_>> {
        let mut leaves = Vec::new();
        let mut cursor = self.tree.walk();
        loop {
            let node = cursor.node();
            if node.start_byte() >= range.end {
                return leaves;
            }
            if node.end_byte() > range.start {
                if cursor.goto_first_child() {
                    continue;
                }
                if node.start_byte() >= range.start {
                    leaves.push(node);
                }
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return leaves;
                }
            }
        }
    }
}

/// The closing bracket that belongs to an opening one, for a leaf that is one of either, and whether it is the closing one.
fn bracket(leaf: &Node<'_>) -> Option<(char, bool)> {
    if leaf.is_named() || leaf.is_missing() {
        return None;
    }
    // Some open with more than the bracket, as `${` does.
    match leaf.kind().chars().next_back()? {
        '(' => Some((')', false)),
        '[' => Some((']', false)),
        '{' => Some(('}', false)),
        closer @ (')' | ']' | '}') => Some((closer, true)),
        _ => None,
    }
}

fn starts_with(text: ropey::RopeSlice<'_>, beginning: &str) -> bool {
    text.get_byte_slice(..beginning.len())
        .is_some_and(|begins| begins == beginning)
}

/// An edit as tree-sitter wants it told: `replaced` are bytes of the text before it, `inserted` is how many there are
/// in their place.
pub fn edit(before: &Rope, replaced: Range<usize>, inserted: usize, after: &Rope) -> InputEdit {
    let end = replaced.start + inserted;
    // What follows a `\r` decides whether it ends a line, so it is read anew.
    let follows_return = replaced.start > 0 && before.byte(replaced.start - 1) == b'\r';
    let start = replaced.start - usize::from(follows_return);
    InputEdit {
        start_byte: start,
        old_end_byte: replaced.end,
        new_end_byte: end,
        start_position: point(before, start),
        old_end_position: point(before, replaced.end),
        new_end_position: point(after, end),
    }
}

/// Where a byte is, as tree-sitter counts: columns are bytes.
fn point(text: &Rope, offset: usize) -> Point {
    let row = text.byte_to_line(offset);
    Point::new(row, offset - text.line_to_byte(row))
}

/// Bytes of a text as the grammars take them, from `byte` on, at least one unless the text is over. Many know `\n` as the
/// only end of a line, so that a `\r` which is one by itself is read as that: the places stay the same.
fn read(text: &Rope, byte: usize) -> Cow<'_, [u8]> {
    if byte >= text.len_bytes() {
        return Cow::Borrowed(&[]);
    }
    let (chunk, start, ..) = text.chunk_at_byte(byte);
    let bytes = &chunk.as_bytes()[byte - start..];
    let mut read = Cow::Borrowed(bytes);
    for at in memchr::memchr_iter(b'\r', bytes) {
        let next = bytes.get(at + 1).copied().or_else(|| text.get_byte(byte + at + 1));
        if next != Some(b'\n') {
            read.to_mut()[at] = b'\n';
        }
    }
    read
}

/// The tree of a text; `None` if that takes longer than `patience`, or the text is too long.
pub(crate) fn tree(language: &Language, text: &Rope, patience: Duration) -> Option<Tree> {
    parse_tree(language, text, None, Bound::Time(patience))
}

/// What a parse may take.
#[derive(Debug, Clone, Copy)]
enum Bound {
    /// So many hundreds of tree-sitter's operations.
    Work(usize),
    Time(Duration),
}

fn parse(language: &Language, text: &Rope, earlier: Option<&Tree>, bound: Bound) -> Option<KeptTree> {
    parse_tree(language, text, earlier, bound).map(KeptTree::from)
}

/// Reads a text, with what is known of it from before; `None` if that would take more than it may, or the text is too
/// long.
fn parse_tree(language: &Language, text: &Rope, earlier: Option<&Tree>, bound: Bound) -> Option<Tree> {
    if text.len_bytes() > MOST_BYTES {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&(language.grammar)()).ok()?;
    let begun = Instant::now();
    let mut work = 0;
    // It is called after each hundred operations.
    let mut progress = |_: &tree_sitter::ParseState| {
        work += 1;
        let over = match bound {
            Bound::Work(most) => work > most,
            Bound::Time(most) => begun.elapsed() >= most,
        };
        if over {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    parser.parse_with_options(
        &mut |byte, _: Point| read(text, byte),
        earlier,
        Some(ParseOptions::new().progress_callback(&mut progress)),
    )
}

#[cfg(test)]
mod shapes;
#[cfg(test)]
mod tests;
