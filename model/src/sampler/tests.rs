use super::{Sampler, with_alternatives};
use crate::request::Sampling;

/// Logits of the probabilities 0.5, 0.3, 0.15 and 0.05 at places 1, 3, 0 and 2.
fn logits() -> Vec<f32> {
    [0.15_f32, 0.5, 0.05, 0.3].map(|p| p.ln() + 7.0).to_vec()
}

/// How often each of four tokens is drawn.
fn drawn(sampling: &Sampling) -> [usize; 4] {
    let mut sampler = Sampler::new(sampling).unwrap();
    let mut counts = [0; 4];
    for _ in 0..4000 {
        counts[sampler.next(&logits()).unwrap().0 as usize] += 1;
    }
    counts
}

fn at(temperature: f64) -> Sampling {
    Sampling {
        temperature,
        ..Sampling::default()
    }
}

#[test]
fn greedy_takes_the_first_of_the_most_likely() {
    assert_eq!(drawn(&Sampling::default()), [0, 4000, 0, 0]);
    let mut sampler = Sampler::new(&Sampling::default()).unwrap();
    assert_eq!(sampler.next(&[1.0, 2.0, 2.0]).unwrap().0, 1);
}

#[test]
fn log_probabilities_are_the_model_s_own() {
    for sampling in [at(0.0), at(5.0)] {
        let (token, logprob) = Sampler::new(&sampling).unwrap().next(&logits()).unwrap();
        let expected = [0.15_f32, 0.5, 0.05, 0.3][token as usize].ln();
        assert!((logprob - expected).abs() < 1e-5);
    }
}

#[test]
fn draws_follow_the_probabilities() {
    let counts = drawn(&at(1.0));
    for (count, expected) in counts.iter().zip([600, 2000, 200, 1200]) {
        assert!(count.abs_diff(expected) < 150, "{counts:?}");
    }
    let sharp = drawn(&at(0.3));
    assert!(sharp[1] > 3000, "{sharp:?}");
}

#[test]
fn top_k_and_top_p_leave_out_the_unlikely() {
    let counts = drawn(&Sampling {
        top_k: Some(2),
        ..at(1.0)
    });
    assert!(counts[0] == 0 && counts[2] == 0 && counts[3] > 1000, "{counts:?}");
    let counts = drawn(&Sampling {
        top_p: Some(0.9),
        ..at(1.0)
    });
    assert!(counts[2] == 0 && counts[0] > 300, "{counts:?}");
    let counts = drawn(&Sampling {
        top_k: Some(3),
        top_p: Some(0.4),
        ..at(1.0)
    });
    assert_eq!(counts, [0, 4000, 0, 0]);
}

#[test]
fn a_seed_gives_the_same_draws() {
    let draws = |seed| {
        let mut sampler = Sampler::new(&Sampling { seed, ..at(1.0) }).unwrap();
        (0..50).map(|_| sampler.next(&logits()).unwrap().0).collect::<Vec<_>>()
    };
    assert_eq!(draws(1), draws(1));
    assert_ne!(draws(1), draws(2));
}

#[test]
fn settings_out_of_range_are_named() {
    for (sampling, expected) in [
        (at(-1.0), "temperature is -1"),
        (at(f64::NAN), "temperature is NaN"),
        (
            Sampling {
                top_k: Some(0),
                ..at(1.0)
            },
            "top-k is 0",
        ),
        (
            Sampling {
                top_p: Some(0.0),
                ..at(1.0)
            },
            "top-p is 0",
        ),
        (
            Sampling {
                top_p: Some(1.5),
                ..at(0.0)
            },
            "top-p is 1.5",
        ),
    ] {
        let error = Sampler::new(&sampling).err().unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn logits_that_are_not_numbers_are_an_error() {
    for bad in [f32::NAN, f32::INFINITY] {
        let error = Sampler::new(&at(0.0)).unwrap().next(&[1.0, bad, 0.0]).unwrap_err();
        assert!(error.contains("not numbers"), "{error}");
    }
}

#[test]
fn alternatives_come_best_first() {
    let logits = logits();
    let (token, logprob) = Sampler::new(&at(0.0)).unwrap().next(&logits).unwrap();
    for (count, expected) in [(0, &[][..]), (2, &[1, 3]), (4, &[1, 3, 0, 2]), (9, &[1, 3, 0, 2])] {
        let entry = with_alternatives(token, logprob, &logits, count);
        assert_eq!(entry.top.iter().map(|(id, _)| *id).collect::<Vec<_>>(), expected);
        assert!(entry.top.first().is_none_or(|best| *best == (token, logprob)));
    }
}
