use std::path::{Path, PathBuf};

use super::{Inspection, inspect, is_tuned};
use crate::container::{Format, Gguf, Input, Skimmed};
use crate::decoder::Decoder;
use crate::kv_cache::KvCache;
use crate::model::Model;
use crate::sequence::LanguageModel;
use crate::testing::{GgufWriter, Meta};
use crate::weights::Weights;
use crate::{LoadOptions, ModelSource};

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// What is said of a model is what the engine finds when it loads it.
#[track_caller]
fn check_agrees(path: &str) -> Inspection {
    let source = ModelSource::Path(in_repository(path));
    let found = inspect(&source).unwrap();
    let model = Model::load(&source, &LoadOptions::default()).unwrap();
    let info = model.info();
    assert_eq!((&found.name, &found.architecture), (&info.name, &info.architecture));
    assert_eq!(found.quantization, info.quantization);
    assert_eq!(found.fill_in_the_middle, info.fill_in_the_middle);
    assert_eq!(found.usual_context(), info.context_tokens);
    assert_eq!(found.weight_bytes, model.weights().bytes);
    assert_eq!(found.token_bytes, model.token_bytes() as u64);
    assert_eq!(
        found.formats.iter().map(|format| format.1).sum::<usize>(),
        found.tensors.len()
    );
    let roles: Vec<_> = model.tokenizer().control().roles().collect();
    assert_eq!(found.control_tokens, roles);
    found
}

#[test]
fn an_inspection_says_what_loading_finds() {
    let starter = check_agrees("model/starter/starter.gguf");
    assert!(starter.fill_in_the_middle && !starter.images && starter.tokenizer == "SentencePiece");
    for (folder, files, format) in [("gemma", 1, "F32"), ("gemma3", 2, "F32")] {
        let path = in_repository("tests/reference/golden").join(folder);
        let found = inspect(&path.as_path().into()).unwrap();
        let weights = Weights::open(&path.as_path().into()).unwrap();
        let decoder = Decoder::new(weights.config, weights.tensors).unwrap();
        assert_eq!((found.files, found.quantization.as_str()), (files, format), "{folder}");
        assert_eq!(found.weight_bytes, decoder.weights().bytes);
        assert_eq!(
            found.token_bytes,
            KvCache::token_bytes(decoder.config(), decoder.cache_dtype()) as u64
        );
        assert!(found.tokenizer == "BPE" && !found.fill_in_the_middle && !found.instruction_tuned);
    }
}

#[test]
fn names_say_whether_a_model_follows_instructions() {
    let check = |names: &[&str], has_template: bool, expected: bool| {
        assert_eq!(is_tuned(names, has_template), expected, "{names:?} {has_template}");
    };
    check(&["it", "Gemma 3"], false, true);
    check(&["", "codegemma-7b-it-Q4_K_M"], false, true);
    check(&["", "gemma-3-4b-pt"], true, false);
    check(&["", "CodeGemma 2b"], false, false);
    check(&["", "Model"], true, true);
    check(&["", "Itch"], false, false);
}

/// A header with a list of texts and one of numbers that are longer than what is kept.
fn long() -> GgufWriter {
    let mut gguf = GgufWriter::default();
    gguf.set("general.architecture", Meta::Text("gemma".to_owned()));
    gguf.set("short", Meta::Integers(vec![1, 2, 3]));
    gguf.set(
        "texts",
        Meta::Texts((0..3000).map(|number| format!("piece {number}")).collect()),
    );
    gguf.set("numbers", Meta::Floats(vec![0.5; 2500]));
    gguf.set("after", Meta::U32(7));
    gguf.zeros("first", &[3, 64], Format::Q4_0);
    gguf.zeros("second", &[5], Format::F32);
    gguf
}

#[test]
fn what_is_kept_of_a_header_is_what_stands_in_it() {
    let bytes = long().bytes();
    let skimmed = Skimmed::read(Input::Bytes(&bytes)).unwrap();
    let (found, whole) = (skimmed.parse().unwrap(), Gguf::parse(&bytes, bytes.len()).unwrap());
    assert_eq!(found.unsigned("after"), Ok(Some(7)));
    assert_eq!(found.array("short").unwrap().unwrap().integers(), Ok(vec![1, 2, 3]));
    let texts = found.array("texts").unwrap().unwrap();
    let kept = texts.texts().unwrap();
    assert_eq!((texts.len(), kept.len()), (3000, 1024));
    assert_eq!(kept, whole.array("texts").unwrap().unwrap().texts().unwrap()[..1024]);
    assert_eq!(found.array("numbers").unwrap().unwrap().floats().unwrap().len(), 1024);
    for (found, whole) in found.tensors.iter().zip(&whole.tensors) {
        assert_eq!((found.name, &found.range), (whole.name, &whole.range));
    }
    assert_eq!(found.tensors.len(), 2);
}

#[test]
fn a_file_and_its_bytes_are_skimmed_alike() {
    let bytes = long().bytes();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let of_file = Skimmed::read(Input::File(file.as_file())).unwrap();
    let of_bytes = Skimmed::read(Input::Bytes(&bytes)).unwrap();
    let names = |skimmed: &Skimmed| {
        skimmed
            .parse()
            .unwrap()
            .tensors
            .iter()
            .map(|tensor| tensor.range.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&of_file), names(&of_bytes));
}

#[test]
fn damaged_headers_are_errors() {
    let bytes = long().bytes();
    let header = bytes.len() - 128;
    for len in (0..header).step_by(97).chain(header..bytes.len()) {
        let skimmed = Skimmed::read(Input::Bytes(&bytes[..len]));
        assert!(skimmed.is_none_or(|skimmed| skimmed.parse().is_err()), "cut at {len}");
    }
    for at in (0..400).chain(bytes.len() - 400..bytes.len()) {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Some(skimmed) = Skimmed::read(Input::Bytes(&changed))
                && let Ok(gguf) = skimmed.parse()
            {
                assert!(gguf.tensors.iter().all(|tensor| tensor.range.end <= changed.len()));
            }
        }
    }
}

#[test]
fn what_is_no_model_is_said() {
    let check = |bytes: &[u8], word: &str| {
        let file = tempfile::Builder::new().suffix(".gguf").tempfile().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let error = inspect(&file.path().into()).unwrap_err().to_string();
        assert!(error.contains(word) && !error.contains('\n'), "no {word:?} in {error}");
    };
    check(b"", "empty");
    check(b"<!doctype html>", "web page");
    check(&long().bytes(), "gemma.embedding_length is missing");
    let mut reader = long();
    reader.set("general.architecture", Meta::Text("clip".to_owned()));
    check(&reader.bytes(), "mmproj");
    let bytes = long().bytes();
    check(&bytes[..5000], "room for at most");
    check(&bytes[..bytes.len() - 1], "not complete");
}
