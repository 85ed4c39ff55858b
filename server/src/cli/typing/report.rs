//! What the requests of a trace took together. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use super::player::Asked;

/// After how many milliseconds a suggestion is still fresh.
const FRESH_MS: [u32; 3] = [50, 100, 250];

/// What `--json` prints.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Report {
    /// How often a suggestion was asked for.
    requests: usize,
    /// How often the answer came before the next keystroke.
    answered: usize,
    /// How often it was a suggestion.
    suggested: usize,
    /// How often an earlier answer was good for it, without the model.
    typed_along: usize,
    /// Prompt tokens that had to be read, for each answered request.
    forwarded_tokens: Spread,
    /// The share of prompt tokens whose keys and values were there.
    reused_share: f64,
    /// Guessed tokens, and those that the model agreed with.
    drafted_tokens: f64,
    accepted_tokens: f64,
    /// From the engine's start on a request until its first token is known.
    first_token_ms: Spread,
    /// From the keystroke to the suggestion.
    suggestion_ms: Spread,
    /// The share of requests with a suggestion after so many milliseconds.
    within_ms: BTreeMap<u32, f64>,
    /// Why there was no suggestion, and how often.
    nothing: BTreeMap<String, usize>,
    /// Why the anchor moved, and how often.
    anchor: BTreeMap<String, usize>,
    /// What the server told about each request, in the order of the trace.
    each: Vec<Option<Value>>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Spread {
    median: f64,
    p95: f64,
    most: f64,
}

impl Spread {
    fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: usize| values.get((values.len() * share / 100).min(values.len().saturating_sub(1)));
        let [median, p95, most] = [50, 95, 100].map(|share| at(share).copied().unwrap_or(0.0));
        Self { median, p95, most }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { median, p95, most } = self;
        write!(out, "median {median:.0}, 95 % {p95:.0}, most {most:.0}")
    }
}

impl Report {
    pub(super) fn new(requests: &[Asked]) -> Self {
        let told = || requests.iter().filter_map(|asked| asked.told.as_ref());
        let by_model = || told().filter(|told| told["source"] == "model");
        let number = |told: &Value, name: &str| told[name].as_f64().unwrap_or(0.0);
        let sum = |name: &str| by_model().map(|told| number(told, name)).sum::<f64>();
        let count = |name: &str| {
            let mut counts = BTreeMap::new();
            for what in told().filter_map(|told| told[name].as_str()) {
                *counts.entry(what.to_owned()).or_default() += 1;
            }
            counts
        };
        let suggestions: Vec<f64> = requests
            .iter()
            .filter(|asked| asked.suggested)
            .filter_map(|asked| Some(asked.answered?.as_secs_f64() * 1000.0))
            .collect();
        let within = |limit: u32| suggestions.iter().filter(|ms| **ms <= f64::from(limit)).count();
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Self {
            requests: requests.len(),
            answered: requests.iter().filter(|asked| asked.answered.is_some()).count(),
            suggested: suggestions.len(),
            typed_along: told().filter(|told| told["source"] == "typed-along").count(),
            forwarded_tokens: Spread::new(told().map(|told| number(told, "forwarded_tokens")).collect()),
            reused_share: share(sum("reused_tokens"), sum("prompt_tokens")),
            drafted_tokens: sum("drafted_tokens"),
            accepted_tokens: sum("accepted_tokens"),
            first_token_ms: Spread::new(by_model().map(|told| number(told, "prefill_ms")).collect()),
            within_ms: FRESH_MS
                .map(|limit| (limit, share(within(limit) as f64, requests.len() as f64)))
                .into(),
            suggestion_ms: Spread::new(suggestions),
            nothing: count("reason"),
            anchor: count("anchor"),
            each: requests.iter().map(|asked| asked.told.clone()).collect(),
        }
    }

    /// The report for people.
    pub(super) fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |what: &str, value: String| {
            // Writing into a string cannot fail.
            let _ = writeln!(out, "{what:<32}{value}");
        };
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        line("requests", self.requests.to_string());
        line("answered before the next", self.answered.to_string());
        line("with a suggestion", self.suggested.to_string());
        line("without the model", self.typed_along.to_string());
        line("tokens forwarded a request", self.forwarded_tokens.to_string());
        line("prompt tokens reused", percent(self.reused_share));
        line(
            "guessed tokens, right ones",
            format!("{:.0}, {:.0}", self.drafted_tokens, self.accepted_tokens),
        );
        line("engine to first token, ms", self.first_token_ms.to_string());
        line("keystroke to suggestion, ms", self.suggestion_ms.to_string());
        for (limit, share) in &self.within_ms {
            line(&format!("suggestion within {limit} ms"), percent(*share));
        }
        for (what, counts) in [("nothing", &self.nothing), ("anchor", &self.anchor)] {
            for (why, count) in counts {
                line(&format!("{what}: {why}"), count.to_string());
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn asked(answered_ms: Option<u64>, suggested: bool, told: Value) -> Asked {
        Asked {
            answered: answered_ms.map(Duration::from_millis),
            suggested,
            told: (!told.is_null()).then_some(told),
        }
    }

    #[test]
    fn requests_are_summed_up() {
        let model = |prompt, reused, forwarded, reason: Option<&str>| {
            json!({"source": "model", "prompt_tokens": prompt, "reused_tokens": reused, "forwarded_tokens": forwarded,
                   "prefill_ms": 4, "drafted_tokens": 3, "accepted_tokens": 1, "anchor": "kept", "reason": reason})
        };
        let report = Report::new(&[
            asked(Some(40), true, model(100, 0, 100, None)),
            asked(Some(60), true, model(101, 100, 1, None)),
            asked(Some(5), true, json!({"source": "typed-along"})),
            asked(Some(20), false, model(102, 101, 1, Some("blank"))),
            asked(None, false, Value::Null),
        ]);
        assert_eq!(
            (report.requests, report.answered, report.suggested, report.typed_along),
            (5, 4, 3, 1)
        );
        assert_eq!(
            report.forwarded_tokens,
            Spread {
                median: 1.0,
                p95: 100.0,
                most: 100.0
            }
        );
        assert!((report.reused_share - 201.0 / 303.0).abs() < 1e-9);
        assert_eq!((report.drafted_tokens, report.accepted_tokens), (9.0, 3.0));
        assert_eq!(report.within_ms, BTreeMap::from([(50, 0.4), (100, 0.6), (250, 0.6)]));
        assert_eq!(report.nothing, BTreeMap::from([("blank".to_owned(), 1)]));
        assert_eq!(report.anchor, BTreeMap::from([("kept".to_owned(), 3)]));
        assert!(
            report.table().contains("prompt tokens reused            66.3 %"),
            "{}",
            report.table()
        );
    }

    #[test]
    fn nothing_asked_is_no_division_by_zero() {
        let report = Report::new(&[]);
        assert_eq!((report.reused_share, report.within_ms[&50]), (0.0, 0.0));
        assert_eq!(
            report.suggestion_ms,
            Spread {
                median: 0.0,
                p95: 0.0,
                most: 0.0
            }
        );
    }
}
