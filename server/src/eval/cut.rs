//! Where a file can be cut: for each kind of hole the stretches that are one, by the file's syntax tree.
//!
//! What the languages differ in is in their table. It must not know which of the holes will be used.

use std::collections::{BTreeSet, HashSet};
use std::ops::{Range, RangeInclusive};

use tree_sitter::{Node, Parser, Tree};

use super::holes::{HoleKind, SourceFile};
use super::random::Random;
use crate::documents::language::Language;

/// The most characters of a short hole.
const SHORT: usize = 8;
/// How many characters are cut out of a line.
const IN_LINE: RangeInclusive<usize> = 4..=80;
/// How many lines a body has.
const BODY_LINES: RangeInclusive<usize> = 2..=8;

/// The holes that can be cut into a file.
pub(super) struct Candidates {
    /// By the kinds' order in [`HoleKind::HOLES`].
    kinds: [Vec<Range<usize>>; HoleKind::HOLES.len()],
    taken: Vec<Range<usize>>,
}

impl Candidates {
    /// A hole of a kind that overlaps none which was taken before.
    pub(super) fn take(&mut self, kind: usize, random: &mut Random) -> Option<Range<usize>> {
        let candidates = &mut self.kinds[kind];
        candidates.retain(|range| {
            let apart = |taken: &Range<usize>| range.end <= taken.start || taken.end <= range.start;
            self.taken.iter().all(apart)
        });
        if candidates.is_empty() {
            return None;
        }
        let range = candidates.swap_remove(random.below(candidates.len()));
        self.taken.push(range.clone());
        Some(range)
    }
}

/// Finds the places. Where inside a token or a name the cursor stands is random.
pub(super) fn candidates(file: &SourceFile, random: &mut Random) -> Candidates {
    let mut parser = Parser::new();
    let tree = parser
        .set_language(&(file.language.grammar)())
        .ok()
        .and_then(|()| parser.parse(&file.text, None));
    let mut cutter = Cutter {
        text: &file.text,
        random,
        kinds: Default::default(),
    };
    if let Some(tree) = tree {
        let syntax = Syntax::new(&tree, file.language, &file.text);
        cutter.brackets(&syntax.leaves);
        cutter.identifiers(&syntax.leaves);
        cutter.statement_ends(&syntax.statements);
        cutter.lines(&syntax.leaves);
        cutter.tokens(&syntax.leaves);
        cutter.nodes(syntax.nodes);
        cutter.blocks(&syntax.blocks);
        cutter.whole_statements(&syntax.statements);
        cutter.comments(&syntax.comments);
        cutter.strings(&syntax.strings);
    }
    Candidates {
        kinds: cutter.kinds,
        taken: Vec::new(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    String,
    Comment,
}

/// A token.
struct Leaf {
    range: Range<usize>,
    inside: Inside,
    identifier: bool,
    /// It is in code, or begins a string in it.
    begins: bool,
    /// It is a closing bracket in code, or the quote that closes a string.
    closes: bool,
}

/// What the tree says about a file; what it could not make sense of is left out.
#[derive(Default)]
struct Syntax {
    leaves: Vec<Leaf>,
    /// Everything with parts that is no statement, no comment and not inside a string.
    nodes: BTreeSet<(usize, usize)>,
    /// The ends of statements, with their beginnings.
    statements: Vec<Range<usize>>,
    blocks: Vec<Range<usize>>,
    comments: Vec<Range<usize>>,
    /// With their quotes.
    strings: Vec<Range<usize>>,
}

impl Syntax {
    fn new(tree: &Tree, language: &Language, text: &str) -> Self {
        let mut syntax = Self::default();
        let mut cursor = tree.walk();
        let mut parents = vec![Inside::Code];
        let mut string = 0..0;
        loop {
            let node = cursor.node();
            let parent = parents.last().copied().unwrap_or(Inside::Code);
            let inside = match node.kind() {
                kind if language.comments.contains(&kind) => Inside::Comment,
                kind if language.strings.contains(&kind) => Inside::String,
                kind if language.substitutions.contains(&kind) => Inside::Code,
                _ => parent,
            };
            if inside == Inside::String && parent == Inside::Code {
                string = node.byte_range();
            }
            let broken = node.is_error() || node.is_missing();
            if !broken {
                syntax.add(&node, parent, inside, &string, language, text);
            }
            if !broken && cursor.goto_first_child() {
                parents.push(inside);
                continue;
            }
            while !cursor.goto_next_sibling() {
                parents.pop();
                if !cursor.goto_parent() {
                    return syntax;
                }
            }
        }
    }

    fn add(
        &mut self,
        node: &Node<'_>,
        parent: Inside,
        inside: Inside,
        string: &Range<usize>,
        language: &Language,
        text: &str,
    ) {
        let (range, kind) = (node.byte_range(), node.kind());
        match (parent, inside) {
            (Inside::Code, Inside::Comment) => self.comments.push(range.clone()),
            (Inside::Code, Inside::String) => self.strings.push(range.clone()),
            _ => {}
        }
        if node.child_count() == 0 {
            let written = &text[range.clone()];
            if written.trim().is_empty() {
                return;
            }
            let quote = written.chars().all(|c| matches!(c, '"' | '\'' | '`' | '#'));
            self.leaves.push(Leaf {
                identifier: inside == Inside::Code && language.identifiers.contains(&kind),
                begins: inside == Inside::Code || (inside == Inside::String && range.start == string.start),
                closes: match inside {
                    Inside::Code => matches!(kind, ")" | "]" | "}"),
                    Inside::String => quote && range.end == string.end && range.start > string.start,
                    Inside::Comment => false,
                },
                range,
                inside,
            });
        } else if parent == Inside::Code && inside != Inside::Comment && !node.has_error() {
            if language.statements.contains(&kind) {
                self.statements.push(range);
            } else if language.blocks.contains(&kind) {
                self.blocks.push(range);
            } else if node.is_named() {
                self.nodes.insert((range.start, range.end));
            }
        }
    }
}

struct Cutter<'a> {
    text: &'a str,
    random: &'a mut Random,
    kinds: [Vec<Range<usize>>; HoleKind::HOLES.len()],
}

impl<'a> Cutter<'a> {
    fn push(&mut self, kind: HoleKind, range: Range<usize>) {
        if let Some(at) = HoleKind::HOLES.iter().position(|known| *known == kind) {
            self.kinds[at].push(range);
        }
    }

    /// The line, left of an offset.
    fn left(&self, offset: usize) -> &'a str {
        let start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        &self.text[start..offset]
    }

    /// The line, right of an offset.
    fn right(&self, offset: usize) -> &'a str {
        let rest = &self.text[offset..];
        rest.split('\n').next().unwrap_or(rest)
    }

    fn is_indentation(&self, offset: usize) -> bool {
        self.left(offset).trim().is_empty()
    }

    fn brackets(&mut self, leaves: &[Leaf]) {
        let mut rest = leaves;
        while let Some(at) = rest.iter().position(|leaf| leaf.closes) {
            rest = &rest[at..];
            let adjacent = |pair: &[Leaf]| pair[1].closes && pair[0].range.end == pair[1].range.start;
            let len = 1 + rest.windows(2).take_while(|pair| adjacent(pair)).count();
            let end = rest[len - 1].range.end;
            for leaf in &rest[..len] {
                let run = &self.text[leaf.range.start..end];
                let brackets = run.contains([')', ']', '}']);
                if brackets && run.chars().count() <= SHORT && !self.is_indentation(leaf.range.start) {
                    self.push(HoleKind::Bracket, leaf.range.start..end);
                }
            }
            rest = &rest[len..];
        }
    }

    fn identifiers(&mut self, leaves: &[Leaf]) {
        let mut seen = HashSet::new();
        for leaf in leaves.iter().filter(|leaf| leaf.identifier) {
            let name = &self.text[leaf.range.clone()];
            let chars = name.chars().count();
            // The name is news, or too short to be worth completing.
            if seen.insert(name) || chars < 3 {
                continue;
            }
            let least = chars.saturating_sub(SHORT).max(1);
            let typed = least + self.random.below(chars - 2 - least + 1);
            let typed: usize = name.chars().take(typed).map(char::len_utf8).sum();
            self.push(HoleKind::Identifier, leaf.range.start + typed..leaf.range.end);
        }
    }

    fn statement_ends(&mut self, statements: &[Range<usize>]) {
        let mut seen = HashSet::new();
        for statement in statements {
            if !self.right(statement.end).is_empty() || !seen.insert(statement.end) {
                continue;
            }
            let chars = 1 + self.random.below(SHORT);
            let start = back(self.text, statement.end, chars);
            let whole = start > statement.start && self.text[start..statement.end].chars().count() == chars;
            if whole && !self.text[start..statement.end].contains('\n') && !self.is_indentation(start) {
                self.push(HoleKind::StatementEnd, start..statement.end);
            }
        }
    }

    /// To the end of the line, where that is neither too little nor too much.
    fn up_to_line_end(&mut self, kind: HoleKind, start: usize) {
        let middle = self.right(start).trim_end();
        if IN_LINE.contains(&middle.chars().count()) && !self.is_indentation(start) {
            self.push(kind, start..start + middle.len());
        }
    }

    fn lines(&mut self, leaves: &[Leaf]) {
        for leaf in leaves.iter().filter(|leaf| leaf.begins) {
            self.up_to_line_end(HoleKind::Line, leaf.range.start);
        }
    }

    fn tokens(&mut self, leaves: &[Leaf]) {
        for leaf in leaves.iter().filter(|leaf| leaf.inside != Inside::Comment) {
            let token = &self.text[leaf.range.clone()];
            let cuts: Vec<usize> = token.char_indices().skip(1).map(|(at, _)| at).collect();
            if !cuts.is_empty() {
                let cut = cuts[self.random.below(cuts.len())];
                self.up_to_line_end(HoleKind::Token, leaf.range.start + cut);
            }
        }
    }

    fn nodes(&mut self, nodes: BTreeSet<(usize, usize)>) {
        for (start, end) in nodes {
            let node = &self.text[start..end];
            let in_line = !node.contains('\n') && IN_LINE.contains(&node.chars().count());
            if in_line && !self.is_indentation(start) && !self.right(end).trim().is_empty() {
                self.push(HoleKind::Node, start..end);
            }
        }
    }

    fn whole_statements(&mut self, statements: &[Range<usize>]) {
        for statement in statements {
            let alone = self.is_indentation(statement.start) && self.right(statement.end).trim().is_empty();
            let text = &self.text[statement.clone()];
            if alone && !text.contains('\n') && IN_LINE.contains(&text.chars().count()) {
                self.push(HoleKind::Statement, statement.clone());
            }
        }
    }

    /// From the beginning of a word, with at least one before it, to the end of the line.
    fn comments(&mut self, comments: &[Range<usize>]) {
        for comment in comments {
            let mut start = comment.start;
            for line in self.text[comment.clone()].split_inclusive('\n') {
                let words = line.trim_end().trim_end_matches(['*', '/', '-', '>', '#']).trim_end();
                let begins = |at: usize| words[at..].starts_with(char::is_alphanumeric) && words[..at].ends_with(' ');
                let starts: Vec<usize> = words
                    .char_indices()
                    .map(|(at, _)| at)
                    .filter(|at| begins(*at) && words[..*at].contains(char::is_alphanumeric))
                    .filter(|at| IN_LINE.contains(&words[*at..].chars().count()))
                    .collect();
                if !starts.is_empty() {
                    let from = starts[self.random.below(starts.len())];
                    self.push(HoleKind::Comment, start + from..start + words.len());
                }
                start += line.len();
            }
        }
    }

    fn strings(&mut self, strings: &[Range<usize>]) {
        let is_quote = |c: char| matches!(c, '"' | '\'' | '`');
        for string in strings {
            let text = &self.text[string.clone()];
            let content = text.trim_end_matches(is_quote);
            // A string without quotes is what its language has for text.
            let opened = text.find(is_quote).filter(|at| *at < 3).map_or(0, |at| at + 1);
            let cuts: Vec<usize> = content
                .char_indices()
                .map(|(at, _)| at)
                .filter(|at| *at >= opened && IN_LINE.contains(&content[*at..].chars().count()))
                .collect();
            if content.contains('\n') || cuts.is_empty() {
                continue;
            }
            let from = cuts[self.random.below(cuts.len())];
            self.push(HoleKind::String, string.start + from..string.start + content.len());
        }
    }

    /// A body can be completed right after what opens it, or where its first line begins.
    fn blocks(&mut self, blocks: &[Range<usize>]) {
        for block in blocks {
            let node = &self.text[block.clone()];
            let braces = node.starts_with('{') && node.ends_with('}') && node.len() > 1;
            let (inner, opened) = if braces {
                (block.start + 1..block.end - 1, block.start + 1)
            } else {
                (block.clone(), self.text[..block.start].trim_end().len())
            };
            let body = self.text[inner.clone()].trim();
            let lines = 1 + body.matches('\n').count();
            let start = inner.end - self.text[inner.clone()].trim_start().len();
            let end = start + body.len();
            let closed_below = !braces || self.text[end..inner.end].contains('\n');
            if body.is_empty() || !BODY_LINES.contains(&lines) || !self.is_indentation(start) || !closed_below {
                continue;
            }
            self.push(HoleKind::Block, start..end);
            if braces || self.text[..opened].ends_with(':') {
                self.push(HoleKind::Block, opened..end);
            }
        }
    }
}

/// The offset some characters before another.
fn back(text: &str, offset: usize, chars: usize) -> usize {
    let mut before = text[..offset].char_indices().rev();
    before.nth(chars - 1).map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests;
