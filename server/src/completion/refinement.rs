//! From what the model wrote to what is suggested, or a named reason for nothing.
//!
//! Models repeat what stands right of the cursor, run on past the end of a block, and write `\n` whatever the document
//! has; and what they write is not always syntax. Pure: it sees the lines around the cursor and the syntax there. It must
//! not know tokens or a clock.

use ropey::Rope;

use crate::completion::reason::Reason;
use crate::completion::syntax_check::Fit;
use crate::completion::trigger::Extent;
use crate::documents::syntax::Parsed;

/// The surroundings of the cursor that decide what is kept.
#[derive(Debug, Clone)]
pub struct Place {
    /// The line above the cursor's.
    pub above: Option<String>,
    /// The cursor's line, left of the cursor.
    pub before: String,
    /// The cursor's line, right of the cursor, without its line break.
    pub after: String,
    /// The first two lines below the cursor that are not blank, fewer where there are not as many.
    pub next_lines: Vec<String>,
    /// How the document ends its lines.
    pub newline: &'static str,
    /// How much to complete.
    pub extent: Extent,
    /// The model does not end a completion by itself, so that the end of the block has to be guessed.
    pub runs_on: bool,
    /// The document.
    pub text: Rope,
    /// The cursor in it, in bytes.
    pub offset: usize,
    /// Its syntax, where that is known.
    pub parsed: Option<Parsed>,
}

/// What to insert, and how much of the line right of the cursor it takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The text, with the document's line breaks and no trailing whitespace.
    pub text: String,
    /// How many bytes right of the cursor it replaces; it repeats them.
    pub replaces: usize,
}

/// Whether there is nothing to gain from generating more.
pub fn is_complete(text: &str, place: &Place) -> bool {
    end(text, place).is_some()
}

/// Whether the last of the lines that are whole closes a bracket that is not the text's own and that stands closed below
/// already: the text has left the piece of syntax that it began in, and what follows will be cut away. It takes a parse
/// where there is such a closer.
pub fn steps_out(text: &str, place: &Place) -> bool {
    let Some(lines) = text.rfind('\n').map(|end| &text[..end]) else {
        return false;
    };
    let Some(parsed) = place.parsed.as_ref().filter(|_| !unmatched_closers(lines).is_empty()) else {
        return false;
    };
    let fit = Fit::new(parsed, &place.text, place.offset);
    let verdict = fit.judge(lines, covered(lines, place.after.trim_end()));
    verdict.is_some_and(|verdict| verdict.unmatched.is_some())
}

/// Makes a suggestion of what the model wrote, as much of it as fits the syntax. A single line is taken as it is where it
/// need not fit, but for brackets that close nothing.
pub fn refine(text: &str, place: &Place, fits: bool) -> Result<Edit, Reason> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut text = text.as_str();
    if let Some(end) = end(text, place) {
        // A circle begins anywhere.
        let circle = loops(text).is_some();
        text = if circle { closed(&text[..end]) } else { &text[..end] };
    }
    text = text.trim_end();
    if text.trim_start().is_empty() {
        return Err(Reason::Blank);
    }
    text = without_what_stands_below(text, place)?;
    let (mut text, mut replaces) = fitting(text, place, fits)?;
    // What did not fit may have stood behind something of the kind.
    loop {
        let shorter = without_what_stands_below(text, place)?;
        if shorter == text {
            break;
        }
        (text, replaces) = fitting(shorter, place, fits)?;
    }
    if text == &place.after[..replaces] {
        return Err(Reason::Repeats);
    }
    Ok(Edit {
        text: text.replace('\n', place.newline),
        replaces,
    })
}

/// A beginning of a text that fits the syntax, and how many bytes right of the cursor it repeats. Of several lines it is
/// whole lines, of one it is whole words.
fn fitting<'a>(text: &'a str, place: &Place, fits: bool) -> Result<(&'a str, usize), Reason> {
    /// Each takes a parse.
    const TRIES: usize = 12;
    let parsed = place.parsed.as_ref();
    let fit = parsed.map(|parsed| Fit::new(parsed, &place.text, place.offset));
    let mut text = text;
    for _ in 0..TRIES {
        let replaces = covered(text, place.after.trim_end());
        let verdict = fit.as_ref().and_then(|fit| fit.judge(text, replaces));
        let misfit = verdict.filter(|verdict| verdict.unmatched.is_some() || verdict.errors_added > 0);
        let Some(misfit) = misfit else {
            return Ok((text, replaces));
        };
        let line = text.rfind('\n');
        let end = match (misfit.unmatched, line) {
            (Some(unmatched), _) => unmatched,
            (None, Some(line)) => line,
            (None, None) if !fits => return Ok((text, replaces)),
            (None, None) => misfit
                .first_error
                .filter(|at| *at > 0)
                .unwrap_or_else(|| last_word(text)),
        };
        text = text[..end].trim_end();
        if text.trim_start().is_empty() {
            break;
        }
    }
    Err(Reason::Misfit)
}

/// Where the last word of a text begins; each sign is a word.
fn last_word(text: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let last = text.char_indices().next_back();
    match last {
        Some((_, c)) if is_word(c) => text.trim_end_matches(is_word).len(),
        last => last.map_or(0, |(at, _)| at),
    }
}

/// The best beginning of a text that was cut off while it was written: its whole lines; of a single line, as many whole
/// words as leave no bracket and no string open, or at the least whole words.
pub fn closed(text: &str) -> &str {
    let last_line = text.rfind('\n').unwrap_or(0);
    if !text[..last_line].trim().is_empty() {
        return &text[..last_line];
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut words, mut balanced) = (0, 0);
    let (mut open, mut before) = (Vec::new(), None);
    for (at, c) in text.char_indices() {
        if !(is_word(c) && before.is_some_and(is_word)) {
            words = at;
            if open.is_empty() {
                balanced = at;
            }
        }
        match c {
            _ if open.last() == Some(&c) => drop(open.pop()),
            '"' | '`' => open.push(c),
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            _ => {}
        }
        before = Some(c);
    }
    // What ends with a sign is not cut within a word.
    if before.is_some_and(|c| !is_word(c)) {
        words = text.len();
        if open.is_empty() {
            balanced = text.len();
        }
    }
    let end = if text[..balanced].trim().is_empty() {
        words
    } else {
        balanced
    };
    text[..end].trim_end()
}

/// Where the completion ends inside `text`, as soon as that can be seen.
fn end(text: &str, place: &Place) -> Option<usize> {
    let end = match place.extent {
        Extent::Line => text.find(['\n', '\r']),
        Extent::Block if place.runs_on => block_end(text, &place.before),
        Extent::Block => None,
    };
    let text = &text[..end.unwrap_or(text.len())];
    repeated_line(text, place, end.is_some())
        .or_else(|| loops(text))
        .or(end)
}

/// Where a line begins that is the one above it once more; one that the user has begun may be. The last line counts where
/// it is `whole`.
fn repeated_line(text: &str, place: &Place, whole: bool) -> Option<usize> {
    /// Shorter ones, such as closers, do stand one below the other.
    const SOLID: usize = 6;
    let begun = !place.before.trim().is_empty();
    let mut above = place.above.clone().filter(|_| !begun);
    let mut start = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let ended = line.ends_with('\n') || whole;
        let line_text = line.trim_end();
        let full = if i == 0 {
            format!("{}{line_text}", place.before)
        } else {
            line_text.to_owned()
        };
        let solid = || full.chars().filter(|c| !c.is_whitespace()).count() >= SOLID;
        if ended && above.as_deref().map(str::trim_end) == Some(&full) && solid() {
            return Some(start);
        }
        above = Some(full);
        start += line.len();
    }
    None
}

/// Where a text begins to go round in circles: after the first of the times that it ends with the same.
fn loops(text: &str) -> Option<usize> {
    const SHORTEST: usize = 4;
    /// What is as long as this is not said three times by intention.
    const LONG: usize = 24;
    let bytes = text.as_bytes();
    let times = |period: usize| if period < LONG { 4 } else { 3 };
    let found = (SHORTEST..=bytes.len() / 3).find(|period| {
        let Some(from) = bytes.len().checked_sub(period * times(*period)) else {
            return false;
        };
        let tail = &bytes[from..];
        // Rules and padding of one character are no circle.
        tail[*period..] == tail[..tail.len() - period] && tail[1..*period] != tail[..period - 1]
    })?;
    Some(text.floor_char_boundary(text.len() - found * (times(found) - 1)))
}

/// A block ends before a line that is indented less than the cursor's, and at a blank line unless deeper text follows.
fn block_end(text: &str, before: &str) -> Option<usize> {
    let base = indentation(before);
    let mut has_text = !before.trim().is_empty();
    let mut blank = None;
    let mut start = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        if line.trim().is_empty() {
            if i > 0 && has_text && line.ends_with('\n') {
                blank = blank.or(Some(start));
            }
        } else {
            let indent = indentation(line);
            if i > 0 && (indent < base || (indent == base && blank.is_some())) {
                return Some(blank.unwrap_or(start));
            }
            has_text = true;
            blank = None;
        }
        start += line.len();
    }
    None
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The text without lines at its end, and the beginning of one, that stand below the cursor already.
fn without_what_stands_below<'a>(text: &'a str, place: &Place) -> Result<&'a str, Reason> {
    let mut text = text;
    // The line before one that is there may be another.
    while let Some(repeat) = repeats_lines_below(text, place) {
        text = text[..repeat].trim_end();
    }
    text = without_next_line_s_start(text, place).trim_end();
    if text.trim_start().is_empty() {
        return Err(Reason::Repeats);
    }
    Ok(text)
}

/// Where in `text` the line begins that stands below the cursor already. The last line, with what stays right of the cursor
/// there, may be neither of the next two, at whatever depth: then the text leads up to what is there. Within the text only
/// the next one counts, where it has the same indentation.
fn repeats_lines_below(text: &str, place: &Place) -> Option<usize> {
    let next = place.next_lines.first()?.trim_end();
    let text = text.trim_end();
    let rest = &place.after[covered(text, place.after.trim_end())..];
    // What is one line in front of something else is judged as the whole line that it becomes.
    let whole_only = place.extent == Extent::Line && !place.after.trim().is_empty();
    let mut start = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let before = if i == 0 { place.before.as_str() } else { "" };
        let same = next.strip_prefix(before) == Some(line.trim_end());
        // A closer or two end a line that is the user's.
        let solid = line.chars().filter(|c| !c.is_whitespace()).count() > 2;
        let is_last = solid && start + line.len() == text.len();
        if same && !whole_only || is_last && stands_below(&format!("{before}{line}{rest}"), place) {
            return Some(start);
        }
        start += line.len();
    }
    None
}

/// Whether one of the next two lines says the same.
fn stands_below(line: &str, place: &Place) -> bool {
    place.next_lines.iter().any(|below| below.trim() == line.trim())
}

/// The text without the beginning of the next line, where it ends with that: the model has gone on to what is there.
fn without_next_line_s_start<'a>(text: &'a str, place: &Place) -> &'a str {
    /// Less may well be the same word again, in bytes.
    const LEAST: usize = 6;
    let next = place.next_lines.first().map_or("", |line| line.trim());
    if !place.after.trim().is_empty() {
        return text;
    }
    let text = text.trim_end();
    let longest = next.floor_char_boundary(text.len());
    let starts = next[..longest].char_indices().map(|(at, c)| &next[..at + c.len_utf8()]);
    let repeated = starts.rev().take_while(|start| start.len() >= LEAST);
    repeated
        .map(str::trim_end)
        .find_map(|start| text.strip_suffix(start))
        .unwrap_or(text)
}

/// How many bytes of `after` the text repeats: the closers that an editor paired in and the text closes itself, or
/// whatever the text ends with that `after` begins with.
fn covered(text: &str, after: &str) -> usize {
    let closers = unmatched_closers(text);
    paired_closers(&closers, after).max(overlap(text, &closers, after))
}

fn paired_closers(closers: &[char], after: &str) -> usize {
    let mut closers = closers.iter();
    let mut covered = 0;
    for (i, c) in after.char_indices() {
        if c.is_whitespace() {
            continue;
        }
        if !is_closer(c) || !closers.any(|&closer| closer == c) {
            break;
        }
        covered = i + c.len_utf8();
    }
    covered
}

/// A closer that the text opened itself is not the one that stands after the cursor: `foo($0)` completed with `bar()`
/// needs both.
fn overlap(text: &str, closers: &[char], after: &str) -> usize {
    let blank = indentation(after);
    // No more than the text can be at its end, and a line may have millions of characters.
    let within = &after[..after.floor_char_boundary(blank + text.len())];
    within
        .char_indices()
        .map(|(i, c)| i + c.len_utf8())
        .rev()
        .find(|&end| {
            let common = if text.ends_with(&after[..end]) {
                &after[..end]
            } else {
                after[..end].get(blank..).unwrap_or_default()
            };
            let Some(rest) = text.strip_suffix(common).filter(|_| !common.is_empty()) else {
                return false;
            };
            let own = common.starts_with('>') && closes_its_angles(&text[..=rest.len()]);
            unmatched_closers(common).len() <= closers.len() && !own
        })
        .unwrap_or(0)
}

/// Whether each `>` of a text has its `<` in it, arrows aside: `Vec<u8>` needs none of those that follow.
fn closes_its_angles(text: &str) -> bool {
    let arrows = text.matches("->").count() + text.matches("=>").count();
    text.matches('<').count() + arrows >= text.matches('>').count()
}

fn is_closer(c: char) -> bool {
    matches!(c, ')' | ']' | '}' | '"' | '\'' | '`')
}

/// The closing brackets that close nothing in `text`, and the quotes that are odd in it, in order.
fn unmatched_closers(text: &str) -> Vec<char> {
    let mut open = Vec::new();
    let mut unmatched = Vec::new();
    for c in text.chars() {
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' => {
                if open.last() == Some(&c) {
                    open.pop();
                } else {
                    unmatched.push(c);
                }
            }
            '"' | '\'' | '`' => {
                let odd = (text.matches(c).count() - apostrophes(text, c)) % 2 == 1;
                if odd && !unmatched.contains(&c) {
                    unmatched.push(c);
                }
            }
            _ => {}
        }
    }
    unmatched
}

/// How many of a quote stand inside words: `don't` opens no string.
fn apostrophes(text: &str, quote: char) -> usize {
    let in_word = |at: usize| {
        let (before, after) = (text[..at].chars().next_back(), text[at..].chars().nth(1));
        before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic)
    };
    let all = text.match_indices(quote).filter(|_| quote == '\'');
    all.filter(|(at, _)| in_word(*at)).count()
}

#[cfg(test)]
mod tests;
