//! A text with the unit of indentation of its document, where the model wrote another one. Pure.

use std::borrow::Cow;

use ropey::Rope;

use super::Surroundings;
use super::ends::indentation;

/// A text as it is indented in its document.
pub(super) struct Indented<'a> {
    written: &'a str,
    text: Cow<'a, str>,
}

impl<'a> Indented<'a> {
    /// Gives the lines of a text the unit of their document, where its first line that is deeper, or else its second, has
    /// another one. What is indented by no whole number of units is cut off.
    pub(super) fn new(written: &'a str, place: &Surroundings) -> Self {
        let text = indented(written, place).map_or(Cow::Borrowed(written), Cow::Owned);
        Self { written, text }
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// How many bytes of what was written its first `kept` bytes are.
    pub(super) fn written(&self, kept: usize) -> usize {
        let Cow::Owned(text) = &self.text else { return kept };
        let shown = &text[..kept];
        let breaks = shown.matches('\n').count();
        let line = |text: &str| text.match_indices('\n').nth(breaks - 1).map_or(0, |(at, _)| at + 1);
        if breaks == 0 {
            return kept;
        }
        let (old, new) = (line(self.written), line(text));
        let blank = |text: &str, at: usize| indentation(text[at..].lines().next().unwrap_or_default());
        old + blank(self.written, old) + (kept - new).saturating_sub(blank(text, new))
    }
}

fn indented(written: &str, place: &Surroundings) -> Option<String> {
    let mut lines = written.split('\n');
    let first = lines.next()?;
    let second = lines.clone().find(|line| !line.trim().is_empty())?;
    let unit = unit(&place.snapshot.text)?;
    let line = format!("{}{first}", place.before);
    let base = &line[..indentation(&line)];
    let level = base.len() / unit.len();
    if unit.repeat(level) != base {
        return None;
    }
    // The model's unit, by the first line that says it.
    let (sample, depth) = match opens(&line) {
        true => (second, level + 1),
        false => {
            let deeper = |line: &&str| !line.trim().is_empty() && indentation(line) > indentation(second);
            match lines.clone().find(deeper) {
                _ if level > 0 && !second.starts_with(&*unit) => (second, level),
                Some(deeper) => (deeper, level + 1),
                None => return None,
            }
        }
    };
    let width = indentation(sample);
    if sample[..width] == unit.repeat(depth) || width == 0 || !width.is_multiple_of(depth) {
        return None;
    }
    let own = width / depth;
    let mut text = first.to_owned();
    for line in lines {
        let width = indentation(line);
        if !width.is_multiple_of(own) {
            break;
        }
        text.push('\n');
        if width < line.len() {
            text.push_str(&unit.repeat(width / own));
            text.push_str(&line[width..]);
        }
    }
    Some(text)
}

/// Whether the line after this one is deeper.
fn opens(line: &str) -> bool {
    line.trim_end().ends_with(['{', '(', '[', ':']) || line.trim_end().ends_with("=>")
}

/// The unit of a document: a tab, or the step by which its lines are mostly deeper than one that opens something. `None` where none does.
fn unit(text: &Rope) -> Option<String> {
    /// How many lines are looked at.
    const LINES: usize = 1000;
    /// The widest unit in spaces.
    const WIDEST: usize = 8;
    let (mut tabs, mut steps, mut before, mut opened) = (0, [0; WIDEST + 1], 0, false);
    for line in text.lines().take(LINES) {
        let line = line.to_string();
        let solid = line.trim();
        let blank = indentation(&line);
        if solid.is_empty() {
            continue;
        }
        // A line that closes what the one before opened is not in it.
        if opened && !solid.starts_with(['}', ')', ']']) {
            match blank.checked_sub(before) {
                Some(1) if line.starts_with('\t') => tabs += 1,
                Some(step) if (2..=WIDEST).contains(&step) => steps[step] += 1,
                _ => {}
            }
        }
        (before, opened) = (blank, opens(solid));
    }
    let most = (2..=WIDEST).rev().max_by_key(|step| steps[*step])?;
    match steps[most] {
        0 if tabs == 0 => None,
        spaces if spaces >= tabs => Some(" ".repeat(most)),
        _ => Some("\t".to_owned()),
    }
}
