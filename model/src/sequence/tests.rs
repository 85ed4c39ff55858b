use super::{LITTLE, SLACK, STEP, Sequences};
use crate::logits::Logits;
use crate::testing::ScriptedModel;

const CAPACITY: usize = 4096;

fn sequences(budget: usize) -> Sequences<ScriptedModel> {
    Sequences::new(ScriptedModel::new(CAPACITY, |_| 0), budget)
}

/// A document's tokens, unlike every other document's.
fn document(number: u32, len: usize) -> Vec<u32> {
    (0..len as u32).map(|at| number * 10_000 + at).collect()
}

/// The room that a prompt of 500 tokens gets.
const ROOM: usize = 768;

/// Reads a prompt; gives how many tokens of it were held.
#[track_caller]
fn read(sequences: &mut Sequences<ScriptedModel>, prompt: &[u32]) -> usize {
    let reused = sequences.begin(prompt, 0).unwrap();
    sequences.forward(&prompt[reused..], 1, &mut Logits::default()).unwrap();
    assert_eq!(sequences.room(), SLACK);
    reused
}

#[test]
fn documents_in_rotation_are_read_once() {
    let mut sequences = sequences(10 * ROOM);
    let documents: Vec<_> = (0..10).map(|number| document(number, 500)).collect();
    for document in &documents {
        assert_eq!(read(&mut sequences, document), 0);
    }
    for document in documents.iter().chain(documents.iter().rev()) {
        assert_eq!(read(&mut sequences, document), 499);
    }
}

#[test]
fn the_least_recently_used_goes_first() {
    let mut sequences = sequences(3 * ROOM);
    let documents: Vec<_> = (0..4).map(|number| document(number, 500)).collect();
    for number in [0, 1, 2, 0, 3] {
        read(&mut sequences, &documents[number]);
    }
    assert_eq!(read(&mut sequences, &documents[0]), 499);
    assert_eq!(read(&mut sequences, &documents[2]), 499);
    assert_eq!(read(&mut sequences, &documents[1]), 0);
}

#[test]
fn a_little_is_forgotten_and_much_is_kept_beside_the_copy() {
    let mut sequences = sequences(10_000);
    let long = document(1, 1000);
    read(&mut sequences, &long);
    // A suggestion that was not taken.
    let mut typed = long[..1000 - LITTLE].to_vec();
    typed.push(7);
    assert_eq!(read(&mut sequences, &typed), 1000 - LITTLE);
    assert_eq!(read(&mut sequences, &long), 1000 - LITTLE);
    // Another place in the document.
    let mut elsewhere = long[..300].to_vec();
    elsewhere.extend(document(2, 500));
    assert_eq!(read(&mut sequences, &elsewhere), 300);
    assert_eq!(read(&mut sequences, &long), 999);
    assert_eq!(read(&mut sequences, &elsewhere), 799);
}

#[test]
fn without_room_for_a_copy_the_sequence_is_cut() {
    let mut sequences = sequences(1500);
    let long = document(1, 1000);
    read(&mut sequences, &long);
    let mut elsewhere = long[..300].to_vec();
    elsewhere.extend(document(2, 500));
    assert_eq!(read(&mut sequences, &elsewhere), 300);
    assert_eq!(read(&mut sequences, &long), 300);
}

/// The budget is about memory, and short sequences take more of that than they have tokens.
#[test]
fn what_is_held_has_room_within_the_budget() {
    let budget = 4 * 2 * STEP;
    let mut sequences = sequences(budget);
    let room = |sequences: &Sequences<ScriptedModel>| sequences.held.iter().map(|held| held.room).sum::<usize>();
    for number in 0..20 {
        read(&mut sequences, &document(number, 200));
        assert!(room(&sequences) <= budget);
    }
    assert_eq!(sequences.held.len(), 4);
    // Typing on, one grows with what is asked for, and keeps what it has read.
    for len in 201..900 {
        assert_eq!(read(&mut sequences, &document(19, len)), len - 1);
        assert!(sequences.held.last().unwrap().room >= len + SLACK);
    }
    assert!(room(&sequences) <= budget);
}

#[test]
fn without_a_budget_nothing_is_held() {
    let mut sequences = sequences(0);
    for _ in 0..3 {
        assert_eq!(read(&mut sequences, &document(1, 50)), 0);
    }
}

#[test]
fn what_is_forgotten_or_taken_back_is_read_again() {
    let mut sequences = sequences(10_000);
    let prompt = document(1, 100);
    read(&mut sequences, &prompt);
    sequences.take_back(30);
    assert_eq!(read(&mut sequences, &prompt), 70);
    sequences.forget();
    assert_eq!(read(&mut sequences, &prompt), 0);
    sequences.forget();
    assert!(sequences.forward(&[1], 0, &mut Logits::default()).is_err());
    sequences.take_back(1);
}

/// Whatever was read before, what is held are the tokens of the prompt and no others.
#[test]
fn random_prompts_leave_what_they_say() {
    let mut random = 1_u64;
    let mut below = |limit: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % limit
    };
    for budget in [0, 700, 3000, 100_000] {
        let mut sequences = sequences(budget);
        for _ in 0..300 {
            let mut prompt = document(below(4) as u32, 1 + below(900) as usize);
            let changed = below(prompt.len() as u64) as usize;
            prompt[changed] = 5;
            let reused = read(&mut sequences, &prompt);
            let held = sequences.held.last().unwrap();
            assert!(reused < prompt.len());
            assert_eq!(held.tokens, prompt);
            assert_eq!(held.cache, prompt);
            sequences.take_back(below(3) as usize);
        }
    }
}

/// Reads a prompt that nobody waits for; gives how many tokens of it were held, or `None` where there was no room.
fn read_idle(sequences: &mut Sequences<ScriptedModel>, prompt: &[u32]) -> Option<usize> {
    let reused = sequences.begin_idle(prompt, 0, false).unwrap()?;
    sequences.forward(&prompt[reused..], 1, &mut Logits::default()).unwrap();
    Some(reused)
}

#[test]
fn what_nobody_waits_for_takes_nothing_away() {
    let long = document(1, 500);
    let beginning = [&long[..400], &document(2, 100)].concat();
    let other = document(3, 500);
    // A beginning is copied although little more than it would be forgotten, and another document comes beside.
    let mut roomy = sequences(3 * ROOM);
    read(&mut roomy, &long);
    assert_eq!(read_idle(&mut roomy, &beginning), Some(400));
    assert_eq!(read_idle(&mut roomy, &other), Some(0));
    for prompt in [&long, &beginning, &other] {
        assert_eq!(read(&mut roomy, prompt), 499);
    }
    // What is older gives way, the current one does not.
    let mut narrow = sequences(2 * ROOM);
    read(&mut narrow, &other);
    read(&mut narrow, &long);
    assert_eq!(read_idle(&mut narrow, &beginning), Some(400));
    assert_eq!((read(&mut narrow, &long), read(&mut narrow, &other)), (499, 0));
    for budget in [ROOM, 0] {
        let mut tight = sequences(budget);
        read(&mut tight, &long);
        assert_eq!(read_idle(&mut tight, &beginning), None);
        assert_eq!(read_idle(&mut tight, &other), None);
        if budget > 0 {
            assert_eq!(read(&mut tight, &long), 499);
        }
    }
    assert_eq!(read_idle(&mut sequences(ROOM - 1), &long), None);
}

#[test]
fn what_nobody_waits_for_goes_on_where_the_last_request_ended() {
    let mut tight = sequences(ROOM);
    let long = document(1, 500);
    read(&mut tight, &long[..480]);
    let accepted = [&long[..475], &document(2, 20)].concat();
    assert_eq!(read_idle(&mut tight, &accepted), Some(475));
    assert_eq!(tight.held.len(), 1);
}

#[test]
fn of_texts_that_nobody_uses_one_is_held() {
    let mut sequences = sequences(100 * ROOM);
    let texts: Vec<_> = (1..20).map(|text| document(text, 500)).collect();
    let open = |sequences: &mut Sequences<ScriptedModel>, prompt: &[u32]| {
        let reused = sequences.begin_idle(prompt, 0, true).unwrap().unwrap();
        sequences.forward(&prompt[reused..], 1, &mut Logits::default()).unwrap();
        reused
    };
    for text in &texts {
        assert_eq!(open(&mut sequences, text), 0);
        assert_eq!(sequences.held.len(), 1);
    }
    // The last one is used, and stays beside the next.
    assert_eq!(read(&mut sequences, &texts[18]), 499);
    open(&mut sequences, &texts[0]);
    open(&mut sequences, &texts[1]);
    assert_eq!(sequences.held.len(), 2);
    assert_eq!(read_idle(&mut sequences, &texts[1]), Some(499));
    open(&mut sequences, &texts[2]);
    assert_eq!(sequences.held.len(), 3);
    // One that begins like a text that is used is none that is used.
    open(&mut sequences, &[&texts[1][..100], &texts[3]].concat());
    assert_eq!(sequences.held.len(), 3);
    assert_eq!(open(&mut sequences, &texts[1]), 499);
}
