use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::Pool;

#[test]
fn every_task_runs_once_awake_or_asleep() {
    for threads in [1, 2, 3, 8] {
        let pool = Pool::new(threads).unwrap();
        assert_eq!(pool.threads(), threads);
        for round in 0..200 {
            let awake = (round % 3 != 0).then(|| pool.awake());
            let counts: Vec<AtomicUsize> = (0..round).map(|_| AtomicUsize::new(0)).collect();
            pool.run(round, |task| {
                counts[task].fetch_add(1, Ordering::Relaxed);
            });
            assert!(
                counts.iter().all(|count| count.load(Ordering::Relaxed) == 1),
                "{threads} threads, {round} tasks"
            );
            drop(awake);
        }
    }
}

#[test]
fn what_a_step_wrote_is_seen_by_the_next() {
    let pool = Pool::new(3).unwrap();
    let _awake = pool.awake();
    let numbers: Vec<AtomicU64> = (0..64).map(|_| AtomicU64::new(1)).collect();
    for _ in 0..1000 {
        // Relaxed on purpose: the step's end must order these by itself.
        let sum: u64 = numbers.iter().map(|number| number.load(Ordering::Relaxed)).sum();
        pool.run(64, |task| {
            numbers[task].store(sum % 1009 + task as u64, Ordering::Relaxed)
        });
        let expected: u64 = (0..64).map(|task| sum % 1009 + task).sum();
        assert_eq!(
            numbers.iter().map(|number| number.load(Ordering::Relaxed)).sum::<u64>(),
            expected
        );
    }
}

#[test]
fn a_panic_is_passed_on_and_the_pool_goes_on() {
    let pool = Pool::new(4).unwrap();
    let _awake = pool.awake();
    for bad in 0..20 {
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.run(100, |task| assert_ne!(task, bad, "a task fell over"));
        }));
        assert!(result.is_err());
        let done = AtomicUsize::new(0);
        pool.run(100, |_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 100);
    }
}

#[test]
fn two_callers_take_turns() {
    let pool = Arc::new(Pool::new(2).unwrap());
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let pool = Arc::clone(&pool);
            std::thread::spawn(move || {
                let _awake = pool.awake();
                for _ in 0..200 {
                    let done = AtomicUsize::new(0);
                    pool.run(10, |_| {
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                    assert_eq!(done.into_inner(), 10);
                }
            })
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
}
