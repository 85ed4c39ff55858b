use super::{BenchError, BenchOptions, high_water_mark, median, peak_rss_bytes};

#[test]
fn the_median_is_in_the_middle() {
    assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
    assert_eq!(median(&mut [7.0]), 7.0);
    assert!(median(&mut []).is_nan());
}

#[test]
fn linux_tells_the_peak() {
    assert_eq!(
        high_water_mark("Name:\tx\nVmHWM:\t   12345 kB\nVmRSS:\t 1 kB\n"),
        Some(12345 * 1024)
    );
    for other in ["", "VmHWM:\n", "VmHWM:\tmany kB\n", "VmHWM:\t12 MB\n"] {
        assert_eq!(high_water_mark(other), None, "{other:?}");
    }
    assert_eq!(peak_rss_bytes().is_some(), cfg!(target_os = "linux"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let good = BenchOptions {
        prefill: 100,
        decode: 20,
        reps: 1,
    };
    assert_eq!(good.check(120), Ok(()));
    let bad = |options: BenchOptions, context| match options.check(context) {
        Err(BenchError::Invalid(message)) => message,
        other => panic!("{other:?}"),
    };
    for zero in [
        BenchOptions { prefill: 0, ..good },
        BenchOptions { decode: 0, ..good },
        BenchOptions { reps: 0, ..good },
    ] {
        assert!(bad(zero, 8192).contains("at least 1"), "{zero:?}");
    }
    assert!(bad(good, 119).contains("a context of 119"));
    let short = BenchOptions { decode: 1, ..good };
    assert!(
        bad(short, 107).contains("8 after them"),
        "the short passes need room too"
    );
    let huge = BenchOptions {
        prefill: usize::MAX,
        ..good
    };
    assert!(bad(huge, 8192).contains("do not fit"));
}
