//! Which holes to cut: as many as were asked for, spread evenly over languages, kinds and files.
//!
//! The same files, number and seed give the same holes. It must not know where the files lie or who completes the holes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::cut::{self, Candidates};
use super::random::Random;
use crate::documents::language::Language;

/// A file of the corpus.
pub(crate) struct SourceFile {
    /// Its path below the corpus, with forward slashes.
    pub path: String,
    /// Its language.
    pub language: &'static Language,
    /// Its text, with lines that end with `\n`.
    pub text: String,
}

/// What a hole is cut out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HoleKind {
    /// A run of closing brackets.
    Bracket,
    /// The rest of a name that stands earlier in the file.
    Identifier,
    /// The last characters of a statement that ends its line.
    StatementEnd,
    /// From between two tokens to the end of the line.
    Line,
    /// From inside a token to the end of the line.
    Token,
    /// A whole syntax node within a line.
    Node,
    /// A body of several lines.
    Block,
    /// A statement that is a line of its own, from where it begins.
    Statement,
    /// The rest of a line of a comment, from the beginning of a word.
    Comment,
    /// The rest of a string, from anywhere in it, up to its closing quote.
    String,
    /// A stretch of a file that is read, not completed: only its loss is measured.
    Text,
}

impl HoleKind {
    /// The kinds that are completed.
    pub(crate) const HOLES: [Self; 10] = [
        Self::Bracket,
        Self::Identifier,
        Self::StatementEnd,
        Self::Line,
        Self::Token,
        Self::Node,
        Self::Block,
        Self::Statement,
        Self::Comment,
        Self::String,
    ];

    /// The name in tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bracket => "bracket",
            Self::Identifier => "identifier",
            Self::StatementEnd => "statement_end",
            Self::Line => "line",
            Self::Token => "token",
            Self::Node => "node",
            Self::Block => "block",
            Self::Statement => "statement",
            Self::Comment => "comment",
            Self::String => "string",
            Self::Text => "text",
        }
    }

    /// Whether a completion may go on after the truth: the hole is a few characters and the line mostly goes on.
    pub(crate) fn is_short(self) -> bool {
        matches!(self, Self::Bracket | Self::Identifier | Self::StatementEnd)
    }
}

/// A stretch of a file that is to be completed, or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hole {
    /// A name that is its own among the holes.
    pub id: String,
    /// The file, as an index.
    pub file: usize,
    /// The file's language.
    pub language: &'static str,
    /// What was cut out.
    pub kind: HoleKind,
    /// The bytes that were cut out.
    pub range: Range<usize>,
}

/// The most bytes of a text that is read.
const TEXT_BYTES: usize = 1500;

/// Cuts `count` holes, fewer where the files do not have as many, and a tenth as many texts, at least one a language.
/// The files are in the order of their paths.
pub(crate) fn sample(files: &[SourceFile], count: usize, seed: u64) -> Vec<Hole> {
    let mut languages: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        languages.entry(file.language.id).or_default().push(index);
    }
    let quotas = quotas(&languages, count, seed);
    let texts = (count / 10).max(languages.len());
    let mut holes = Vec::new();
    for (number, (language, of_language)) in languages.into_iter().enumerate() {
        let mut order = of_language;
        Random::new(seed, language).shuffle(&mut order);
        let mut found = holes_of(files, &order, &quotas[language], seed);
        let share = texts / quotas.len() + usize::from(number < texts % quotas.len());
        found.extend(texts_of(files, &order, share, seed));
        found.sort_by_key(|(kind, file, range)| (*kind, *file, range.start));
        let mut numbers = BTreeMap::<HoleKind, usize>::new();
        for (kind, file, range) in found {
            let number = numbers.entry(kind).or_default();
            *number += 1;
            holes.push(Hole {
                id: format!("{language}-{}-{number}", kind.as_str()),
                file,
                language,
                kind,
                range,
            });
        }
    }
    holes
}

/// For each hole the index of another one of its language, whose suffix the model is shown instead of its own; `None`
/// for a text, which has none, and for the only hole of a language.
pub(crate) fn others_suffixes(holes: &[Hole], seed: u64) -> Vec<Option<usize>> {
    let mut languages: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, hole) in holes.iter().enumerate().filter(|(_, hole)| hole.kind != HoleKind::Text) {
        languages.entry(hole.language).or_default().push(index);
    }
    let mut others = vec![None; holes.len()];
    for (language, mut order) in languages {
        Random::new(seed, &format!("suffixes of {language}")).shuffle(&mut order);
        if order.len() > 1 {
            for (at, &hole) in order.iter().enumerate() {
                others[hole] = Some(order[(at + 1) % order.len()]);
            }
        }
    }
    others
}

type Quota = [usize; HoleKind::HOLES.len()];

/// How many holes of each kind a language gets. What does not divide evenly goes to pairs that the seed picks.
fn quotas<'a>(languages: &BTreeMap<&'a str, Vec<usize>>, count: usize, seed: u64) -> BTreeMap<&'a str, Quota> {
    let mut pairs: Vec<(&str, usize)> = languages
        .keys()
        .flat_map(|language| (0..HoleKind::HOLES.len()).map(|kind| (*language, kind)))
        .collect();
    Random::new(seed, "what is left over").shuffle(&mut pairs);
    let mut quotas = BTreeMap::<&str, Quota>::new();
    for (at, (language, kind)) in pairs.iter().enumerate() {
        let share = count / pairs.len() + usize::from(at < count % pairs.len());
        quotas.entry(language).or_default()[*kind] = share;
    }
    quotas
}

type Found = (HoleKind, usize, Range<usize>);

/// Goes over the files again and again, a hole at each visit: of the kind that the most are wanted of and the file has.
fn holes_of(files: &[SourceFile], order: &[usize], quota: &Quota, seed: u64) -> Vec<Found> {
    let mut wanted = *quota;
    let mut left: BTreeMap<usize, Option<Candidates>> = order.iter().map(|file| (*file, None)).collect();
    let mut found = Vec::new();
    while wanted.iter().any(|wanted| *wanted > 0) && !left.is_empty() {
        for file in order {
            let Some(candidates) = left.get_mut(file) else { continue };
            let random = &mut Random::new(seed ^ found.len() as u64, &files[*file].path);
            let candidates = candidates.get_or_insert_with(|| cut::candidates(&files[*file], random));
            let mut kinds: Vec<usize> = (0..wanted.len()).filter(|kind| wanted[*kind] > 0).collect();
            kinds.sort_by_key(|kind| std::cmp::Reverse(wanted[*kind]));
            let taken = kinds
                .into_iter()
                .find_map(|kind| Some((kind, candidates.take(kind, random)?)));
            match taken {
                Some((kind, range)) => {
                    wanted[kind] -= 1;
                    found.push((HoleKind::HOLES[kind], *file, range));
                }
                None => {
                    left.remove(file);
                }
            }
        }
    }
    found
}

/// Stretches of whole lines, one a file where there are enough files.
fn texts_of(files: &[SourceFile], order: &[usize], count: usize, seed: u64) -> Vec<Found> {
    let mut found = Vec::new();
    let mut starts_taken = BTreeSet::new();
    for (round, file) in (0..count).flat_map(|round| order.iter().map(move |file| (round, *file))) {
        if found.len() == count {
            break;
        }
        let text = &files[file].text;
        let last = text.len().saturating_sub(TEXT_BYTES);
        let starts: Vec<usize> = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .take_while(|start| *start <= last)
            .collect();
        let start = starts[Random::new(seed ^ round as u64, &files[file].path).below(starts.len())];
        let limit = text.floor_char_boundary((start + TEXT_BYTES).min(text.len()));
        let end = text[start..limit].rfind('\n').map_or(limit, |at| start + at + 1);
        if !text[start..end].trim().is_empty() && starts_taken.insert((file, start)) {
            found.push((HoleKind::Text, file, start..end));
        }
    }
    found
}

#[cfg(test)]
mod tests;
