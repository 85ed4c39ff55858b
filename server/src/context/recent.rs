//! Which documents were used last, and which lines of them were edited.
//!
//! Pure: it is told what happens, in order.

use std::ops::Range;

/// The most regions that are remembered of a document.
const MOST_REGIONS: usize = 8;
/// Regions that are no farther apart are one, in lines.
const NEAR: usize = 6;

/// The documents in the order in which they were used.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// The last used first.
    documents: Vec<Used>,
}

#[derive(Debug)]
struct Used {
    name: String,
    /// The lines that were edited, the last first.
    edited: Vec<Range<usize>>,
}

/// An edit of lines: those that it replaced, and how many there are now in their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecentEdit {
    /// The first line.
    pub start: usize,
    /// How many lines are replaced; 1 for an edit within a line.
    pub old: usize,
    /// How many stand there now.
    pub new: usize,
}

impl Recent {
    /// A document is used. Says whether another one was used last.
    pub(crate) fn used(&mut self, name: &str) -> bool {
        match self.documents.iter().position(|used| used.name == name) {
            Some(0) => return false,
            Some(at) => {
                let used = self.documents.remove(at);
                self.documents.insert(0, used);
            }
            None => self.documents.insert(
                0,
                Used {
                    name: name.to_owned(),
                    edited: Vec::new(),
                },
            ),
        }
        true
    }

    /// Lines of a document were edited. One that was never used has no regions.
    pub(crate) fn edited(&mut self, name: &str, edit: RecentEdit) {
        let Some(used) = self.documents.iter_mut().find(|used| used.name == name) else {
            return;
        };
        let end = edit.start + edit.old;
        let mut region = edit.start..edit.start + edit.new;
        used.edited.retain_mut(|other| {
            if other.start >= end {
                *other =
                    (other.start + edit.new).saturating_sub(edit.old)..(other.end + edit.new).saturating_sub(edit.old);
            } else if other.end > end {
                other.end = (other.end + edit.new).saturating_sub(edit.old);
            }
            let apart = other.start > region.end + NEAR || region.start > other.end + NEAR;
            if !apart {
                region = region.start.min(other.start)..region.end.max(other.end);
            }
            apart
        });
        used.edited.insert(0, region);
        used.edited.truncate(MOST_REGIONS);
    }

    /// The whole text of a document is another: nothing is known of its lines any more.
    pub(crate) fn replaced(&mut self, name: &str) {
        if let Some(used) = self.documents.iter_mut().find(|used| used.name == name) {
            used.edited.clear();
        }
    }

    /// A document is gone.
    pub(crate) fn closed(&mut self, name: &str) {
        self.documents.retain(|used| used.name != name);
    }

    /// The document that was used last.
    pub(crate) fn last(&self) -> Option<&str> {
        self.documents.first().map(|used| used.name.as_str())
    }

    /// The documents but one, the last used first, with the lines that were edited.
    pub(crate) fn others<'a>(&'a self, than: &'a str) -> impl Iterator<Item = (&'a str, &'a [Range<usize>])> {
        let others = self.documents.iter().filter(move |used| used.name != than);
        others.map(|used| (used.name.as_str(), used.edited.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the last line of each region, after edits of `(start, old, new)` lines.
    fn edited(edits: &[(usize, usize, usize)]) -> Vec<(usize, usize)> {
        let mut recent = Recent::default();
        recent.used("a");
        for &(start, old, new) in edits {
            recent.edited("a", RecentEdit { start, old, new });
        }
        let regions = recent.others("").next().unwrap().1;
        regions.iter().map(|lines| (lines.start, lines.end - 1)).collect()
    }

    #[test]
    fn the_last_used_document_is_first() {
        let mut recent = Recent::default();
        assert!(recent.used("a") && recent.used("b") && recent.used("a") && !recent.used("a"));
        recent.used("c");
        let others = |recent: &Recent| recent.others("c").map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(others(&recent), ["a", "b"]);
        recent.closed("a");
        assert_eq!((others(&recent), recent.last()), (vec!["b".to_owned()], Some("c")));
        recent.edited(
            "unknown",
            RecentEdit {
                start: 0,
                old: 1,
                new: 1,
            },
        );
    }

    #[test]
    fn regions_grow_together_and_move_with_the_lines_above() {
        assert_eq!(edited(&[(10, 1, 1), (11, 1, 2), (14, 1, 1)]), [(10, 14)]);
        assert_eq!(edited(&[(100, 1, 1), (10, 1, 1)]), [(10, 10), (100, 100)]);
        assert_eq!(edited(&[(100, 1, 1), (10, 1, 6)]), [(10, 15), (105, 105)]);
        assert_eq!(edited(&[(100, 1, 5), (10, 20, 1)]), [(10, 10), (81, 85)]);
        assert_eq!(edited(&[(10, 1, 30), (20, 5, 1)]), [(10, 35)]);
    }

    #[test]
    fn there_are_never_many() {
        let edits: Vec<_> = (0..50).map(|n| (n * 100, 1, 1)).collect();
        let found = edited(&edits);
        assert_eq!((found.len(), found[0]), (MOST_REGIONS, (4900, 4900)));
        let mut recent = Recent::default();
        recent.used("a");
        recent.edited(
            "a",
            RecentEdit {
                start: 1,
                old: 1,
                new: 1,
            },
        );
        recent.replaced("a");
        assert!(recent.others("").next().unwrap().1.is_empty());
    }
}
