use super::{Gguf, Value};
use crate::container::Format;
use crate::testing::{GgufWriter, Meta};

fn sample() -> GgufWriter {
    let mut gguf = GgufWriter::default();
    gguf.set("general.architecture", Meta::Text("gemma".to_owned()));
    gguf.set("a.number", Meta::U32(7));
    gguf.set("a.list", Meta::Texts(vec!["one".to_owned(), "zwei €".to_owned()]));
    gguf.zeros("first", &[3, 64], Format::Q4_0);
    gguf.zeros("second", &[5], Format::F32);
    gguf
}

fn error(bytes: &[u8]) -> String {
    match Gguf::parse(bytes, bytes.len()) {
        Ok(_) => panic!("a broken file was accepted"),
        Err(error) => error,
    }
}

#[test]
fn what_was_written_is_read() {
    let bytes = sample().bytes();
    let gguf = Gguf::parse(&bytes, bytes.len()).unwrap();
    assert_eq!(gguf.text("general.architecture"), Ok(Some("gemma")));
    assert_eq!(gguf.unsigned("a.number"), Ok(Some(7)));
    assert_eq!(gguf.unsigned("missing"), Ok(None));
    assert_eq!(
        gguf.array("a.list").unwrap().unwrap().texts().unwrap(),
        ["one", "zwei €"]
    );
    assert!(
        gguf.unsigned("a.list")
            .unwrap_err()
            .contains("a.list: expected an unsigned integer")
    );
    assert!(
        gguf.array("a.list")
            .unwrap()
            .unwrap()
            .floats()
            .unwrap_err()
            .contains("numbers")
    );
    assert!(matches!(gguf.get("a.number"), Some(Value::Unsigned(7))));
    assert_eq!(gguf.tensors[0].shape, [3, 64]);
    assert_eq!(gguf.tensors[0].range.len(), 3 * 36);
    assert_eq!(gguf.tensors[1].range.len(), 20);
    assert_eq!(gguf.tensors[1].range.end, bytes.len());
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let bytes = sample().bytes();
    for len in 0..bytes.len() {
        let error = error(&bytes[..len]);
        assert!(!error.is_empty(), "cut at {len}");
    }
    assert!(
        error(&bytes[..bytes.len() - 1]).contains("tensor second"),
        "the last tensor is cut"
    );
}

#[test]
fn a_changed_byte_never_panics() {
    let bytes = sample().bytes();
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Ok(gguf) = Gguf::parse(&changed, changed.len()) {
                assert!(gguf.tensors.iter().all(|tensor| tensor.range.end <= changed.len()));
            }
        }
    }
}

#[test]
fn lies_are_named() {
    let bytes = sample().bytes();
    let with = |at: usize, new: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + new.len()].copy_from_slice(new);
        changed
    };
    assert!(error(b"ggml").contains("not a GGUF file"));
    assert!(error(&with(4, &[0, 0, 0, 3])).contains("big-endian"));
    assert!(error(&with(4, &[9])).contains("version 9"));
    assert!(error(&with(8, &u64::MAX.to_le_bytes())).contains("tensors are declared"));
    assert!(error(&with(16, &(u64::MAX / 2).to_le_bytes())).contains("metadata keys are declared"));

    let list = bytes.windows(6).position(|window| window == b"a.list").unwrap() + 6 + 8;
    assert!(error(&with(list, &u64::MAX.to_le_bytes())).contains("key a.list: 18446744073709551615 array elements"));

    let tensor = bytes.windows(5).position(|window| window == b"first").unwrap() + 5;
    assert!(error(&with(tensor, &[9])).contains("tensor first: 9 dimensions"));
    assert!(error(&with(tensor + 4, &63_u64.to_le_bytes())).contains("does not fit whole blocks"));
    assert!(error(&with(tensor + 12, &u64::MAX.to_le_bytes())).contains("does not fit whole blocks"));
    assert!(error(&with(tensor + 20, &[99])).contains("quantization type 99 is not supported; take a file in Q4_K_M"));
    assert!(error(&with(tensor + 20, &[18])).contains("quantization type IQ3_XXS (18) is not supported"));
    assert!(error(&with(tensor + 24, &(1_u64 << 40).to_le_bytes())).contains("the header promises"));
    assert!(error(&with(tensor + 24, &[1])).contains("not aligned"));

    let mut twice = sample();
    twice.metadata.push(("a.number".to_owned(), Meta::F32(1.0)));
    assert!(error(&twice.bytes()).contains("a.number stands twice"));
}
