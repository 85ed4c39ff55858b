//! What to show of a file that does not fit whole: what it imports, its declarations without their bodies, and then the
//! bodies that matter most.
//!
//! Pure. Without a syntax tree it is whole lines.

use std::ops::Range;
use std::time::Duration;

use ropey::Rope;
use tree_sitter::Node;

use super::table::{self, Row};
use crate::documents::language::Language;
use crate::documents::syntax;

/// Imports have at most this share of the room.
const HEADS_SHARE: usize = 4;

/// Nested deeper than this is not looked at one by one.
const DEEPEST: usize = 8;

/// What is nested deeper than this, as conditions for a preprocessor may be, is no declaration.
const DEEPEST_TRANSPARENT: usize = 64;

/// Comments that may stand between a signature and its body.
const MOST_COMMENTS: usize = 8;

/// How long the tree of another file may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lines around an edit that are shown of a file without a syntax tree.
const AROUND_EDIT: usize = 8;

/// A declaration that can be shown or not.
#[derive(Debug, Default)]
struct Unit {
    bytes: Range<usize>,
    /// Bodies in it that can be left out, and what takes their place.
    bodies: Vec<(Range<usize>, &'static str)>,
    /// Says what is imported.
    head: bool,
    /// What holds it, which is shown with it.
    within: Option<usize>,
    /// Where a unit that holds others ends; it is not shown by itself.
    closer: Option<Range<usize>>,
}

/// A part of `text` of at most `room` bytes; `None` where there is none that is worth showing. `weigh` says how much a
/// piece of text has to do with what is completed, and `edited` are the lines that were edited lately.
pub(super) fn cut(
    text: &str,
    language: Option<&'static Language>,
    room: usize,
    weigh: &dyn Fn(&str) -> f64,
    edited: &[Range<usize>],
) -> Option<String> {
    let units = language.and_then(|language| units(text, language, table::row(language.id)?));
    match units {
        Some(units) => Outline::new(text, &units, weigh).filled(room, &edited_bytes(text, edited)),
        None => lines(text, room, edited),
    }
    .filter(|part| !part.trim().is_empty())
}

/// Which parts of a file are shown.
struct Outline<'a> {
    text: &'a str,
    units: &'a [Unit],
    weigh: &'a dyn Fn(&str) -> f64,
    shown: Vec<bool>,
    /// Bodies that are shown, by unit and number.
    bodies: Vec<Vec<bool>>,
}

impl<'a> Outline<'a> {
    fn new(text: &'a str, units: &'a [Unit], weigh: &'a dyn Fn(&str) -> f64) -> Self {
        Self {
            text,
            units,
            weigh,
            shown: vec![false; units.len()],
            bodies: units.iter().map(|unit| vec![false; unit.bodies.len()]).collect(),
        }
    }

    fn filled(mut self, room: usize, edited: &[Range<usize>]) -> Option<String> {
        let mut left = room;
        let leaves = || (0..self.units.len()).filter(|&at| self.units[at].closer.is_none());
        let heads: Vec<usize> = leaves().filter(|&at| self.units[at].head).collect();
        let mut others: Vec<(f64, usize)> = leaves()
            .filter(|&at| !self.units[at].head)
            .map(|at| ((self.weigh)(&self.skeleton(at)), at))
            .collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut bodies: Vec<(bool, f64, usize, usize)> = Vec::new();
        for at in leaves() {
            for (number, (range, _)) in self.units[at].bodies.iter().enumerate() {
                let touched = edited
                    .iter()
                    .any(|edit| edit.start < range.end && range.start < edit.end);
                bodies.push((touched, (self.weigh)(&self.text[range.clone()]), at, number));
            }
        }
        bodies.retain(|(touched, weight, ..)| *touched || *weight > 0.0);
        bodies.sort_by(|a, b| {
            b.0.cmp(&a.0)
                .then(b.1.total_cmp(&a.1))
                .then((a.2, a.3).cmp(&(b.2, b.3)))
        });

        let mut for_heads = room / HEADS_SHARE;
        for at in heads {
            let cost = self.cost(at);
            if cost <= for_heads {
                self.show(at);
                (for_heads, left) = (for_heads - cost, left - cost);
            }
        }
        let mut declares = false;
        for (_, at) in others {
            let cost = self.cost(at);
            if cost <= left {
                self.show(at);
                left -= cost;
                declares = true;
            }
        }
        for (_, _, at, number) in bodies {
            let cost = self.units[at].bodies[number].0.len() + 1;
            if self.shown[at] && cost <= left {
                self.bodies[at][number] = true;
                left -= cost;
            }
        }
        declares.then(|| self.text())
    }

    /// What it takes to show a unit and what holds it, in bytes.
    fn cost(&self, at: usize) -> usize {
        let mut cost = self.skeleton(at).len() + 1;
        let mut holder = self.units[at].within;
        while let Some(at) = holder.filter(|&at| !self.shown[at]) {
            let closer = self.units[at].closer.as_ref().map_or(0, Range::len);
            cost += self.units[at].bytes.len() + closer + 2;
            holder = self.units[at].within;
        }
        cost
    }

    fn show(&mut self, at: usize) {
        self.shown[at] = true;
        let mut holder = self.units[at].within;
        while let Some(at) = holder {
            self.shown[at] = true;
            holder = self.units[at].within;
        }
    }

    /// A unit with those of its bodies that are shown.
    fn skeleton(&self, at: usize) -> String {
        let unit = &self.units[at];
        let mut text = String::new();
        let mut from = unit.bytes.start;
        for ((body, stub), shown) in unit.bodies.iter().zip(&self.bodies[at]) {
            if !shown {
                let signature = &self.text[from..body.start];
                // In front of a semicolon there is no space.
                text.push_str(if stub.starts_with('{') {
                    signature
                } else {
                    signature.trim_end()
                });
                text.push_str(stub);
                from = body.end;
            }
        }
        text.push_str(&self.text[from..unit.bytes.end]);
        text
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut closers: Vec<(usize, &Range<usize>)> = Vec::new();
        for (at, unit) in self.units.iter().enumerate().filter(|(at, _)| self.shown[*at]) {
            while let Some((_, closer)) = closers.pop_if(|(holder, _)| !self.is_within(at, *holder)) {
                push_line(&mut text, &self.text[closer.clone()]);
            }
            push_line(&mut text, &self.skeleton(at));
            if let Some(closer) = &unit.closer {
                closers.push((at, closer));
            }
        }
        for (_, closer) in closers.into_iter().rev() {
            push_line(&mut text, &self.text[closer.clone()]);
        }
        text
    }

    fn is_within(&self, at: usize, holder: usize) -> bool {
        let mut above = self.units[at].within;
        while let Some(at) = above.filter(|&at| at != holder) {
            above = self.units[at].within;
        }
        above == Some(holder)
    }
}

fn push_line(text: &mut String, line: &str) {
    if !line.trim().is_empty() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// The declarations of a file; `None` where the grammar finds none.
fn units(text: &str, language: &'static Language, row: &'static Row) -> Option<Vec<Unit>> {
    let tree = syntax::tree(language, &Rope::from_str(text), PATIENCE)?;
    let mut reader = Reader {
        text,
        language,
        row,
        units: Vec::new(),
    };
    reader.children(tree.root_node(), None, 0);
    (!reader.units.is_empty()).then_some(reader.units)
}

/// Makes units of a tree.
struct Reader<'a> {
    text: &'a str,
    language: &'static Language,
    row: &'static Row,
    units: Vec<Unit>,
}

impl Reader<'_> {
    fn children(&mut self, node: Node<'_>, within: Option<usize>, depth: usize) {
        let mut start = None;
        let mut cursor = node.walk();
        // What a condition asks is no declaration.
        let asked = ["name", "condition", "value"].map(|field| node.child_by_field_name(field));
        for child in node.named_children(&mut cursor) {
            let kind = child.kind();
            if self.language.comments.contains(&kind) || asked.contains(&Some(child)) {
                continue;
            }
            if self.row.transparent.contains(&kind) {
                if depth < DEEPEST_TRANSPARENT {
                    self.children(child, within, depth + 1);
                }
            } else if kind.starts_with("attribute") {
                // It belongs to what follows.
                start.get_or_insert(child.start_byte());
            } else {
                let start = start.take().unwrap_or_else(|| child.start_byte());
                self.declaration(start, child, within, depth);
            }
        }
    }

    fn declaration(&mut self, start: usize, node: Node<'_>, within: Option<usize>, depth: usize) {
        let start = indented(self.text, start);
        let head = self.row.heads.contains(&node.kind()) && node.child_by_field_name("body").is_none();
        let body = (depth < DEEPEST).then(|| self.container(node)).flatten();
        let Some(body) = body else {
            let mut bodies = Vec::new();
            self.bodies(node, 0, &mut bodies);
            let end = self.end(node);
            self.units.push(Unit {
                bytes: start..end,
                bodies,
                head,
                within,
                closer: None,
            });
            return;
        };
        let braces = self.text[body.start_byte()..].starts_with('{');
        let (opened, closed) = match braces {
            true => (body.start_byte() + 1, indented(self.text, body.end_byte() - 1)),
            false => (body.start_byte(), node.end_byte()),
        };
        let at = self.units.len();
        self.units.push(Unit {
            bytes: start..self.text[..opened].trim_end().len(),
            within,
            closer: Some(closed..self.end(node)),
            ..Unit::default()
        });
        self.children(body, Some(at), depth + 1);
    }

    /// Where a declaration ends: a semicolon or colon may follow that is no part of its node.
    fn end(&self, node: Node<'_>) -> usize {
        let end = node.end_byte();
        end + usize::from(self.text[end..].starts_with([';', ':']))
    }

    /// The body of a node that holds declarations.
    fn container<'t>(&self, mut node: Node<'t>) -> Option<Node<'t>> {
        for _ in 0..DEEPEST {
            if !self.row.wrappers.contains(&node.kind()) {
                break;
            }
            let last = u32::try_from(node.named_child_count().checked_sub(1)?).ok()?;
            node = node.named_child(last)?;
        }
        let holds = self.row.containers.contains(&node.kind());
        node.child_by_field_name("body").filter(|_| holds)
    }

    fn bodies(&self, node: Node<'_>, depth: usize, found: &mut Vec<(Range<usize>, &'static str)>) {
        let function = self.row.functions.iter().find(|(kind, _)| *kind == node.kind());
        let body = node.child_by_field_name("body");
        if let Some(((_, stub), body)) = function.zip(body)
            && self.language.blocks.contains(&body.kind())
        {
            // A comment may stand between a signature and its body.
            let comment = |node: &Node<'_>| self.language.comments.contains(&node.kind());
            let comments = std::iter::successors(Some(body), |node| node.prev_sibling().filter(comment));
            let start = comments.take(MOST_COMMENTS).last().unwrap_or(body);
            found.push((start.start_byte()..body.end_byte(), stub));
        } else if depth < DEEPEST {
            let mut cursor = node.walk();
            for child in node.named_children(&mut cursor) {
                self.bodies(child, depth + 1, found);
            }
        }
    }
}

/// Where a line begins, if nothing but blanks are before `start` on it.
fn indented(text: &str, start: usize) -> usize {
    text[..start].trim_end_matches([' ', '\t']).len()
}

fn edited_bytes(text: &str, edited: &[Range<usize>]) -> Vec<Range<usize>> {
    let rope = Rope::from_str(text);
    let byte = |line: usize| rope.line_to_byte(line.min(rope.len_lines()));
    edited.iter().map(|lines| byte(lines.start)..byte(lines.end)).collect()
}

/// Whole lines: those around the edits, or else the first.
fn lines(text: &str, room: usize, edited: &[Range<usize>]) -> Option<String> {
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let mut shown = vec![edited.is_empty(); all.len()];
    for edit in edited {
        let end = (edit.end + AROUND_EDIT).min(all.len());
        shown[edit.start.saturating_sub(AROUND_EDIT).min(end)..end].fill(true);
    }
    let mut part = String::new();
    for (line, _) in all.iter().zip(shown).filter(|(_, shown)| *shown) {
        if part.len() + line.len() > room {
            break;
        }
        part.push_str(line);
    }
    (!part.is_empty()).then_some(part)
}

#[cfg(test)]
mod tests;
