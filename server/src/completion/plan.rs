//! The pipeline of one request: a snapshot of a document becomes a prompt, and what the model writes a suggestion.
//!
//! The language server and the command line share it. It runs nothing itself, and must not know the protocol, files on
//! disk or who waits for the answer.

use std::sync::Arc;

use codegemma_model::{CompletionRequest, FimPrompt, Finish, ModelInfo, Piece, Prompt};
use ropey::Rope;

use crate::completion::anchor::Anchor;
use crate::completion::gate::{self, Gate, Line};
use crate::completion::kind::Kind;
use crate::completion::reason::Reason;
use crate::completion::refinement::{self, Refined, Surroundings};
use crate::completion::shown::Near;
use crate::completion::snapshot::{Snapshot, Suggestion};
use crate::completion::trigger::{self, Cursor, Extent, Multiline, Trigger};
use crate::completion::written::Written;
use crate::documents::position;
use crate::documents::syntax::Inside;
use crate::policy::sanitize::{unix_lines, without_mark};
use crate::policy::secrets;
use crate::process::panics::fault;

/// What to ask the model, and what is needed to judge its answer.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    prompt: FimPrompt,
    place: Surroundings,
    gate: Gate,
}

/// How a completion is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// When it may be longer than a line.
    pub multiline: Multiline,
    /// Who wants it.
    pub trigger: Trigger,
    /// How likely a line has to be right to be shown to who did not ask, from 0, which shows all; the model's own measure
    /// where nothing is set.
    pub confidence: Option<f64>,
    /// How much surer than that it has to be by the user's taste, in logits.
    pub shift: f64,
}

/// Decides what to ask `model` for, or that there is nothing to ask. Without an anchor from an earlier request at this
/// place there is a new one.
pub(crate) fn plan(
    snapshot: &Arc<Snapshot>,
    anchor: Option<&Anchor>,
    model: &ModelInfo,
    wanted: Wanted,
) -> Result<Plan, Reason> {
    let text = &snapshot.text;
    let offset = snapshot.offset;
    let new = || Anchor::new(text, offset, model.context_tokens);
    let anchor = anchor.cloned().unwrap_or_else(new);
    let near = Near::new(text, offset, &anchor);
    if near.in_secret {
        anchor.mark_in_secret();
        return Err(Reason::Secret);
    }
    let line = text.byte_to_line(offset);
    let after = text
        .byte_slice(offset..position::line_end(text, line).max(offset))
        .to_string();
    let before = without_mark(text.byte_slice(text.line_to_byte(line)..offset).to_string());
    let cursor = Cursor {
        before: &before,
        after: &after,
        inside: snapshot
            .parsed
            .as_ref()
            .map_or(Inside::Code, |parsed| parsed.inside(text, offset)),
        language: snapshot.language,
    };
    let extent = trigger::decide(&cursor, wanted.multiline, wanted.trigger)?;
    // Whoever asks is told what there is.
    let least = match wanted.trigger {
        Trigger::Invoked => 0.0,
        Trigger::Automatic => gate::least(model, wanted.confidence, wanted.shift),
    };
    let gate = Gate::new(
        model,
        Kind::of(&cursor, snapshot.path.as_deref()),
        snapshot.language,
        least,
    );
    if gate.leaves_alone() {
        return Err(Reason::LeftAlone);
    }
    let above = line.checked_sub(1).map(|above| {
        let range = text.line_to_byte(above)..position::line_end(text, above);
        text.byte_slice(range).to_string()
    });
    let inside = cursor.inside;
    let place = Surroundings {
        above,
        before,
        after,
        next_lines: next_lines(text, line),
        newline: newline(text),
        extent,
        inside,
        runs_on: !model.fill_in_the_middle,
        snapshot: snapshot.clone(),
    };
    Ok(Plan {
        prompt: prompt_of(snapshot, &anchor, model.context_tokens, &near),
        place,
        gate,
    })
}

/// What a model with a context of `context_tokens` is shown, whatever is wanted of it.
pub(crate) fn prompt(snapshot: &Snapshot, anchor: &Anchor, context_tokens: usize) -> FimPrompt {
    let near = Near::new(&snapshot.text, snapshot.offset, anchor);
    prompt_of(snapshot, anchor, context_tokens, &near)
}

fn prompt_of(snapshot: &Snapshot, anchor: &Anchor, context_tokens: usize, near: &Near) -> FimPrompt {
    let (prefix, typed, suffix) = near.shown(anchor, context_tokens);
    FimPrompt {
        path: snapshot.path.clone(),
        prefix: format!("{}{prefix}", snapshot.above),
        typed,
        suffix,
        files: snapshot.files.clone(),
    }
}

impl Plan {
    /// What the model is shown.
    pub(crate) fn prompt(&self) -> &FimPrompt {
        &self.prompt
    }

    /// How much will be completed.
    pub(crate) fn extent(&self) -> Extent {
        self.place.extent
    }

    /// The plan with the extent of a run that it goes along with, whatever would be asked for here.
    pub(crate) fn with_extent(mut self, extent: Extent) -> Self {
        self.place.extent = extent;
        self
    }

    /// The request to the engine, which stops as soon as more text would be cut away or nothing would be shown.
    pub(crate) fn request(&self, max_tokens: usize) -> CompletionRequest {
        let (place, gate) = (self.place.clone(), self.gate);
        CompletionRequest {
            stop_when: Some(Box::new(move |text, pieces| {
                fault("stop when");
                refinement::is_complete(text, &place)
                    || gate.is_hopeless(text, pieces)
                    || (ends_line(text, pieces) && refinement::steps_out(text, &place))
            })),
            ..CompletionRequest::new(Prompt::Fim(self.prompt.clone()), max_tokens)
        }
    }

    /// Makes a suggestion of what the model wrote.
    pub(crate) fn suggest(&self, written: &Written, finish: Finish) -> Result<Suggestion, Reason> {
        self.judge(written, finish).map(|(suggestion, _)| suggestion)
    }

    /// Makes a suggestion, and gives what is known of each of its lines; nothing where the writer said no probabilities.
    pub(crate) fn judge(&self, written: &Written, finish: Finish) -> Result<(Suggestion, Vec<Line>), Reason> {
        let near = self.near();
        let mut edit = self.refined(&written.text, written, finish)?;
        loop {
            let shown = self.gate.shown(written, edit.kept, &near).ok_or(Reason::Unsure)?;
            if shown >= edit.kept {
                break;
            }
            edit = self.refined(&written.text[..shown], written, finish)?;
        }
        if self.is_secret(&edit) {
            return Err(Reason::Secret);
        }
        let offset = self.place.snapshot.offset;
        let known = !written.pieces.is_empty();
        let lines = known.then(|| gate::lines(&written.text, &written.pieces, edit.kept, &near));
        let suggestion = Suggestion {
            text: edit.text,
            range: offset..offset + edit.replaces,
        };
        Ok((suggestion, lines.unwrap_or_default()))
    }

    /// The name of the kind of place.
    pub(crate) fn place(&self) -> &'static str {
        self.gate.place()
    }

    /// How likely a suggestion with these lines begins with a right one.
    pub(crate) fn probability(&self, lines: &[Line]) -> Option<f64> {
        lines.first().map(|line| self.gate.probability(line))
    }

    /// The part of a beginning of what was written that can be suggested.
    fn refined(&self, text: &str, written: &Written, finish: Finish) -> Result<Refined, Reason> {
        let whole = match written.text[text.len()..].chars().next() {
            None => finish == Finish::Stop && written.is_ended() || refinement::is_complete(text, &self.place),
            Some(next) => next == '\n',
        };
        let closed = if whole { text } else { refinement::closed(text) };
        // Whoever asks for a few tokens wants those, however they end.
        let as_it_is = closed.is_empty() && finish == Finish::Length;
        let text = if as_it_is { text } else { closed };
        let refine = |fits| refinement::refine(text, &self.place, fits);
        // Half a line is not always the beginning of one that fits; it is not shown as a whole one either. Where more follows
        // it is all that the user will write there.
        let half_a_line = !whole && !text.trim().contains('\n') && self.place.after.trim().is_empty();
        let refined = match refine(!as_it_is) {
            Err(Reason::Misfit) if half_a_line => refine(false),
            refined => refined,
        };
        refined.map_err(|reason| match (reason, finish) {
            (Reason::Blank, Finish::Deadline) => Reason::Deadline,
            (Reason::Blank, Finish::Cancelled) => Reason::Cancelled,
            _ => reason,
        })
    }

    /// What stands around the cursor.
    fn near(&self) -> gate::Around {
        const AROUND: usize = 4096;
        let (text, offset) = (&self.place.snapshot.text, self.place.snapshot.offset);
        let from = text.byte_to_char(offset.saturating_sub(AROUND));
        let to = text.byte_to_char((offset + AROUND).min(text.len_bytes()));
        let cursor = text.byte_to_char(offset);
        gate::Around::new(
            &text.slice(from..cursor).to_string(),
            &text.slice(cursor..to).to_string(),
        )
    }

    /// Whether a suggestion has a key or a password in it, or the stand-in of one, going by what would stand around it.
    fn is_secret(&self, edit: &Refined) -> bool {
        const AROUND: usize = 1024;
        let (text, offset) = (&self.place.snapshot.text, self.place.snapshot.offset);
        let part = |from: usize, to: usize| text.slice(text.byte_to_char(from)..text.byte_to_char(to)).to_string();
        let end = offset + edit.replaces;
        let before = unix_lines(part(offset.saturating_sub(AROUND), offset));
        let after = unix_lines(part(end, (end + AROUND).min(text.len_bytes())));
        let new = unix_lines(edit.text.clone());
        let suggested = before.len()..before.len() + new.len();
        let mut found = secrets::find(&[before, new, after].concat()).into_iter();
        edit.text.contains(secrets::STAND_IN)
            || found.any(|range| range.start < suggested.end && suggested.start < range.end)
    }
}

/// Whether the last piece of a text has the end of a line in it.
fn ends_line(text: &str, pieces: &[Piece]) -> bool {
    let start = pieces.iter().rev().nth(1).map_or(0, |before| before.end);
    text[start..].contains('\n')
}

/// The first two lines below `line` that are not blank; only a screenful is looked at.
fn next_lines(text: &Rope, line: usize) -> Vec<String> {
    const LOOK_AHEAD: usize = 50;
    text.lines_at(line + 1)
        .take(LOOK_AHEAD)
        .filter(|below| below.chars().any(|c| !c.is_whitespace()))
        .map(|below| below.to_string().trim_end_matches(['\r', '\n']).to_owned())
        .take(2)
        .collect()
}

/// How the document ends its lines: as its first line does.
fn newline(text: &Rope) -> &'static str {
    let first = text.line(0);
    let mut ending = first.chars_at(first.len_chars());
    match (ending.prev(), ending.prev()) {
        (Some('\n'), Some('\r')) => "\r\n",
        (Some('\r'), _) => "\r",
        _ => "\n",
    }
}

#[cfg(test)]
mod tests;
