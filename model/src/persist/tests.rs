use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{ABANDONED, INTERVAL, Store, UNFINISHED};
use crate::logits::Logits;
use crate::sequence::Sequences;
use crate::testing::ScriptedModel;

/// A model that says a token after anything.
fn sequences(says: u32, budget: usize) -> Sequences<ScriptedModel> {
    Sequences::new(ScriptedModel::new(4096, move |_| says), budget)
}

fn read(sequences: &mut Sequences<ScriptedModel>, prompt: &[u32]) -> usize {
    let reused = sequences.begin(prompt, 0).unwrap();
    sequences.forward(&prompt[reused..], 1, &mut Logits::default()).unwrap();
    reused
}

fn document(number: u32) -> Vec<u32> {
    (0..200).map(|at| number * 1000 + at).collect()
}

/// Reads some documents and leaves them in a file.
fn write(path: &Path, says: u32, documents: &[u32]) {
    let mut sequences = sequences(says, 10_000);
    let mut store = Store::open(path, &mut sequences).unwrap();
    for number in documents {
        read(&mut sequences, &document(*number));
    }
    store.save(&sequences);
}

/// How much of a document a file has that another process may still own.
fn reused_from(path: &Path, says: u32, number: u32) -> usize {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    reused(&copy, says, number)
}

/// How much of a document is there after a start.
fn reused(path: &Path, says: u32, number: u32) -> usize {
    let mut sequences = sequences(says, 10_000);
    Store::open(path, &mut sequences).unwrap();
    read(&mut sequences, &document(number))
}

#[test]
fn what_was_held_is_there_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("sequences");
    assert_eq!(reused(&path, 7, 1), 0);
    write(&path, 7, &[1, 2, 3]);
    for number in [1, 2, 3] {
        assert_eq!(reused(&path, 7, number), 199);
    }
    assert_eq!(reused(&path, 7, 4), 0);
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        2,
        "nothing but what locks it is left there"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let inside = path.parent().unwrap();
        assert_eq!((mode(&path), mode(inside)), (0o600, 0o700));
        // One that others could look into is closed to them.
        fs::set_permissions(inside, fs::Permissions::from_mode(0o777)).unwrap();
        write(&path, 7, &[1]);
        assert_eq!(mode(inside), 0o700);
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_a_link_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", folder.path().join("link")).unwrap();
    let mut sequences = sequences(7, 10_000);
    assert!(Store::open(&folder.path().join("link/sequences"), &mut sequences).is_none());
    assert_eq!(fs::read_dir(folder.path().join("elsewhere")).unwrap().count(), 0);
}

#[test]
fn another_model_does_not_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sequences");
    write(&path, 7, &[1]);
    assert_eq!(reused(&path, 8, 1), 0);
    // Its own file takes the place of the foreign one.
    write(&path, 8, &[2]);
    assert_eq!((reused(&path, 8, 2), reused(&path, 7, 1)), (199, 0));
}

#[test]
fn damage_anywhere_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sequences");
    write(&path, 7, &[1, 2]);
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(97).chain([0, 4, 8, 12, 16, good.len() - 1]) {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        fs::write(&path, &bad).unwrap();
        assert_eq!(reused(&path, 7, 1), 0, "byte {at}");
    }
    for len in (0..good.len()).step_by(101) {
        fs::write(&path, &good[..len]).unwrap();
        assert_eq!(reused(&path, 7, 1), 0, "{len} bytes");
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(reused(&path, 7, 1), 199);
}

#[test]
fn a_budget_holds_for_what_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sequences");
    write(&path, 7, &[1, 2, 3]);
    let mut tight = sequences(7, 450);
    Store::open(&path, &mut tight).unwrap();
    assert_eq!(read(&mut tight, &document(3)), 199);
    let mut none = sequences(7, 0);
    Store::open(&path, &mut none).unwrap();
    assert_eq!(read(&mut none, &document(3)), 0);
}

#[test]
fn servers_that_share_a_file_do_not_spoil_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sequences");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let path = &path;
            scope.spawn(move || (0..10).for_each(|_| write(path, 7, &[number])));
        }
    });
    let found: Vec<usize> = (0..4).map(|number| reused(&path, 7, number)).collect();
    assert!(found.contains(&199), "{found:?}");
}

#[test]
fn a_place_that_cannot_be_written_to_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(Store::open(&file.join("sequences"), &mut sequences(7, 10_000)).is_none());
    let taken = folder.path().join("kept").join("sequences");
    fs::create_dir_all(&taken).unwrap();
    write(&taken, 7, &[1]);
    assert_eq!(reused(&taken, 7, 1), 0);
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

#[test]
fn short_sequences_are_not_worth_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sequences");
    let mut sequences = sequences(7, 10_000);
    let mut store = Store::open(&path, &mut sequences).unwrap();
    read(&mut sequences, &document(1)[..20]);
    store.save(&sequences);
    assert!(!path.exists());
}

#[test]
fn what_a_killed_server_left_unfinished_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sequences");
    write(&path, 7, &[1]);
    let left = |name: &str, age: Duration| {
        let path = folder.path().join(name);
        let file = fs::File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        path
    };
    let minute = Duration::from_secs(60);
    let abandoned = left(&format!("{UNFINISHED}a"), ABANDONED + minute);
    // Another server may be writing this one, and that one is somebody else's.
    let fresh = left(&format!("{UNFINISHED}b"), Duration::ZERO);
    let foreign = left("other", ABANDONED + minute);
    assert_eq!(reused(&path, 7, 1), 199);
    assert!(!abandoned.exists() && fresh.exists() && foreign.exists());
}

#[test]
fn processes_at_once_have_a_file_each_and_begin_with_anothers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sequences");
    write(&path, 7, &[1]);
    let (mut first, mut second) = (sequences(7, 10_000), sequences(7, 10_000));
    let mut one = Store::open(&path, &mut first).unwrap();
    let mut other = Store::open(&path, &mut second).unwrap();
    assert_eq!(
        (read(&mut first, &document(1)), read(&mut second, &document(1))),
        (199, 199)
    );
    read(&mut first, &document(2));
    read(&mut second, &document(3));
    one.save(&first);
    other.save(&second);
    drop((one, other));
    for (number, there) in [(1, 199), (2, 199), (3, 0)] {
        assert_eq!(reused(&path, 7, number), there, "the first one's file");
    }
}

#[test]
fn what_is_new_is_written_now_and_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sequences");
    let mut held = sequences(7, 10_000);
    let mut store = Store::open(&path, &mut held).unwrap();
    assert!(store.due_in() > INTERVAL / 2);
    read(&mut held, &document(1));
    store.save_soon(&held);
    store.finish();
    let written = fs::read(&path).unwrap();
    assert!(store.due_in() > INTERVAL / 2);
    fs::remove_file(&path).unwrap();
    store.save_soon(&held);
    store.save(&held);
    assert!(!path.exists(), "nothing is written twice");
    read(&mut held, &document(2));
    store.save_soon(&held);
    store.finish();
    assert!(fs::read(&path).unwrap().len() > written.len());
    // Whoever is killed now has all of it.
    std::mem::forget(store);
    assert_eq!(reused_from(&path, 7, 2), 199);
}
