//! Small vocabularies made by hand; the real ones are in `tests/golden_tokens.rs`.

use std::path::Path;

use super::control::Role;
use super::sentencepiece::{Parts, TokenKind, build};
use super::*;

const PAD: u32 = 0;
const EOS: u32 = 1;
const BOS: u32 = 2;
/// The first of the 256 byte tokens.
const BYTES: u32 = 4;

/// The bytes, some control tokens and the given pieces with their scores, in the order of their ids.
struct Sample {
    pieces: Vec<String>,
    scores: Vec<f32>,
    kinds: Vec<TokenKind>,
}

impl Sample {
    fn new() -> Self {
        let mut sample = Self {
            pieces: Vec::new(),
            scores: Vec::new(),
            kinds: Vec::new(),
        };
        for piece in ["<pad>", "<eos>", "<bos>"] {
            sample.add(piece, 0.0, TokenKind::Control);
        }
        sample.add("<unk>", 0.0, TokenKind::Unknown);
        for byte in 0..=255 {
            sample.add(&format!("<0x{byte:02X}>"), 0.0, TokenKind::Byte);
        }
        sample
    }

    fn add(&mut self, piece: &str, score: f32, kind: TokenKind) -> u32 {
        self.pieces.push(piece.to_owned());
        self.scores.push(score);
        self.kinds.push(kind);
        self.pieces.len() as u32 - 1
    }

    fn normal(mut self, pieces: &[(&str, f32)]) -> Self {
        for &(piece, score) in pieces {
            self.add(piece, score, TokenKind::Normal);
        }
        self
    }

    fn user_defined(mut self, pieces: &[&str]) -> Self {
        for piece in pieces {
            self.add(piece, -1000.0, TokenKind::UserDefined);
        }
        self
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            pieces: self.pieces.iter().map(String::as_str).collect(),
            scores: self.scores.clone(),
            kinds: self.kinds.clone(),
        }
    }

    fn declared(&self, declared: &[(Role, u32)]) -> Tokenizer {
        build(&self.parts(), declared, true).expect("a sound vocabulary")
    }

    fn build(&self) -> Tokenizer {
        self.declared(&[])
    }

    fn error(&self) -> String {
        build(&self.parts(), &[], true).err().expect("an error")
    }
}

/// The pieces that a text is spelled with.
fn spelled(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    tokenizer
        .encode(text)
        .iter()
        .map(|&id| tokenizer.piece(id).expect("a known id").to_owned())
        .collect()
}

/// The text that ids stand for, as the engine puts it together.
fn decoded(tokenizer: &Tokenizer, ids: &[u32]) -> String {
    let (mut text, mut stream) = (String::new(), StreamDecoder::default());
    for &id in ids {
        stream.push(tokenizer.bytes(id), &mut text);
    }
    text
}

/// A `tokenizer.json` like Gemma's, with the vocabulary and the merges of a few words.
fn json(pieces: &[&str], merges: &[&str], added: &str) -> String {
    let mut names = vec![
        "<pad>".to_owned(),
        "<eos>".to_owned(),
        "<bos>".to_owned(),
        "<unk>".to_owned(),
    ];
    names.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    names.extend(pieces.iter().map(|&piece| piece.to_owned()));
    let vocabulary: serde_json::Map<String, serde_json::Value> = names
        .iter()
        .enumerate()
        .map(|(id, name)| (name.clone(), id.into()))
        .collect();
    serde_json::json!({
        "version": "1.0",
        "added_tokens": serde_json::from_str::<serde_json::Value>(added).expect("JSON"),
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": null,
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
                  "vocab": vocabulary, "merges": merges},
    })
    .to_string()
}

fn added(id: u32, content: &str, special: bool) -> String {
    serde_json::json!({"id": id, "content": content, "special": special, "normalized": false,
                       "single_word": false, "lstrip": false, "rstrip": false})
    .to_string()
}

#[test]
fn the_best_score_is_merged_first_and_the_leftmost_of_equals() {
    let tokenizer = Sample::new()
        .normal(&[
            ("a", -9.0),
            ("b", -9.0),
            ("c", -9.0),
            ("ab", -2.0),
            ("bc", -1.0),
            ("aa", -3.0),
            ("abc", -4.0),
        ])
        .build();
    assert_eq!(
        spelled(&tokenizer, "abc"),
        ["abc"],
        "bc is merged before ab, then a and bc are"
    );
    assert_eq!(spelled(&tokenizer, "aaa"), ["aa", "a"], "of equal pairs the leftmost");
    assert_eq!(spelled(&tokenizer, "cab"), ["c", "ab"]);
}

#[test]
fn positive_negative_and_signed_zero_scores_keep_their_order() {
    let tokenizer = Sample::new()
        .normal(&[
            ("a", 0.0),
            ("b", 0.0),
            ("ab", -0.0),
            ("ba", 0.0),
            ("c", 0.0),
            ("ca", 1.5),
            ("ac", 2.5),
        ])
        .build();
    assert_eq!(
        spelled(&tokenizer, "aba"),
        ["ab", "a"],
        "0 and -0 are equal, so the leftmost"
    );
    assert_eq!(spelled(&tokenizer, "cac"), ["c", "ac"]);
}

#[test]
fn spaces_are_spelled_and_none_is_added() {
    let tokenizer = Sample::new()
        .normal(&[("▁", -1.0), ("a", -1.0), ("▁a", -1.0), ("a▁", -2.0)])
        .build();
    assert_eq!(spelled(&tokenizer, "a"), ["a"]);
    assert_eq!(spelled(&tokenizer, " a"), ["▁a"]);
    assert_eq!(spelled(&tokenizer, "a a "), ["a", "▁a", "▁"]);
    assert_eq!(decoded(&tokenizer, &tokenizer.encode("a a ")), "a a ");
}

#[test]
fn user_defined_tokens_are_cut_out_first_the_longest_at_each_place() {
    let tokenizer = Sample::new()
        .normal(&[("a", -1.0), ("<", -1.0), ("a<", 9.0), ("▁", -1.0)])
        .user_defined(&["\n", "\n\n", "\n\n\n", "<b>", "  ", ""])
        .build();
    assert_eq!(spelled(&tokenizer, "a<b>a"), ["a", "<b>", "a"]);
    assert_eq!(spelled(&tokenizer, "\n\n\n\n\n"), ["\n\n\n", "\n\n"]);
    assert_eq!(spelled(&tokenizer, "   a"), ["  ", "▁", "a"]);
    assert_eq!(decoded(&tokenizer, &tokenizer.encode("   a<b>")), "   a<b>");
}

#[test]
fn what_is_no_piece_becomes_bytes() {
    let tokenizer = Sample::new().normal(&[("a", -1.0)]).build();
    assert_eq!(spelled(&tokenizer, "aé\0"), ["a", "<0xC3>", "<0xA9>", "<0x00>"]);
    assert_eq!(
        tokenizer.encode("\u{10ffff}"),
        [0xF4, 0x8F, 0xBF, 0xBF].map(|byte: u32| BYTES + byte)
    );
    assert!(tokenizer.encode("").is_empty());
    for text in ["aé\0", "🦀", "\r\n\t", "日本"] {
        assert_eq!(decoded(&tokenizer, &tokenizer.encode(text)), text);
    }
}

#[test]
fn text_never_becomes_a_control_token() {
    // Merges lead to each of these names; the file flags some of them as ordinary words.
    let sample = Sample::new()
        .normal(&[
            ("<", -1.0),
            ("bos", -1.0),
            ("<bos", -1.0),
            (">", -1.0),
            ("<0x4", -1.0),
            ("▁", -9.0),
            ("1>", -1.0),
        ])
        .normal(&[
            ("<|fim_prefix|>", 1.0),
            ("<|fim", -1.0),
            ("_prefix|>", -1.0),
            ("<unused7>", 1.0),
            ("<unused7", 1.0),
        ])
        .user_defined(&["[multimodal]", "<start_of_image>", "<mask>"]);
    let tokenizer = sample.build();
    let words = "<bos> <eos> <pad> <unk> <0x41> <|fim_prefix|> <unused7> [multimodal] <start_of_image> <mask>";
    for text in words.split(' ').chain([words]) {
        let ids = tokenizer.encode(text);
        assert!(ids.iter().all(|&id| !tokenizer.is_control(id)), "{text}: {ids:?}");
        assert_eq!(decoded(&tokenizer, &ids), text);
    }
    let controls: Vec<_> = (0..tokenizer.vocab_size() as u32)
        .filter(|&id| tokenizer.is_control(id))
        .collect();
    let names: Vec<_> = controls.iter().filter_map(|&id| tokenizer.piece(id)).collect();
    let expected = "<pad> <eos> <bos> <unk> <|fim_prefix|> <unused7> [multimodal] <start_of_image> <mask>";
    assert_eq!(names.join(" "), expected);
    assert!(
        controls.iter().all(|&id| tokenizer.bytes(id).is_empty()),
        "control tokens have no text"
    );
}

#[test]
fn random_text_round_trips_without_control_tokens() {
    let tokenizer = Sample::new()
        .normal(&[
            ("<", -3.0),
            ("b", -3.0),
            ("o", -2.0),
            ("s>", -1.0),
            (">", -4.0),
            ("os>", -1.0),
            ("▁▁", -1.0),
        ])
        .normal(&[
            ("▁", -9.0),
            ("▁<", -2.0),
            ("é", -3.0),
            ("|>", -1.0),
            ("<|", -1.0),
            ("oo", -0.5),
        ])
        .user_defined(&["\n", "\n\n", "<b>"])
        .build();
    let alphabet: Vec<char> = "<bos>|é🦀 \n\0\r\tx0A_".chars().collect();
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..2000 {
        let length = random(40);
        let text: String = (0..length).map(|_| alphabet[random(alphabet.len())]).collect();
        let ids = tokenizer.encode(&text);
        assert!(ids.iter().all(|&id| !tokenizer.is_control(id)), "{text:?}: {ids:?}");
        assert_eq!(decoded(&tokenizer, &ids), text);
    }
}

#[test]
fn a_megabyte_is_encoded_in_less_than_quadratic_time() {
    let tokenizer = Sample::new()
        .normal(&[
            ("a", -9.0),
            ("aa", -1.0),
            ("aaaa", -2.0),
            ("aaaaaaaa", -3.0),
            ("▁", -9.0),
            ("▁▁", -1.0),
            ("▁▁▁▁", -2.0),
        ])
        .build();
    let from_json = self::json::read(json(&["a", "aa", "aaaa", "▁", "▁▁"], &["a a", "aa aa", "▁ ▁"], "[]").as_bytes());
    for tokenizer in [tokenizer, from_json.expect("a sound file")] {
        for text in ["a", " ", "<", "🦀", "ab "].map(|unit| unit.repeat(1_000_000 / unit.len())) {
            let start = std::time::Instant::now();
            let ids = tokenizer.encode(&text);
            // It takes a fraction of a second; a quadratic algorithm takes hours.
            assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
            assert_eq!(decoded(&tokenizer, &ids), text);
        }
    }
}

#[test]
fn roles_are_found_by_name_and_by_declared_id() {
    let mut sample = Sample::new();
    let end_of_turn = sample.add("<end_of_turn>", 0.0, TokenKind::Control);
    let fim = [
        "<|fim_prefix|>",
        "<|fim_middle|>",
        "<|fim_suffix|>",
        "<|file_separator|>",
    ]
    .map(|name| sample.add(name, 0.0, TokenKind::Normal));
    let tokenizer = sample.build();
    assert_eq!(
        *tokenizer.control(),
        ControlTokens {
            bos: Some(BOS),
            eos: Some(EOS),
            end_of_turn: Some(end_of_turn),
            fim: Some(FimTokens {
                prefix: fim[0],
                middle: fim[1],
                suffix: fim[2],
                file_separator: fim[3],
            }),
        }
    );
    assert_eq!(tokenizer.begin_of_text(), Some(BOS));

    let mut other = Sample::new();
    let fim = ["<PRE>", "<MID>", "<SUF>", "<SEP>"].map(|name| other.add(name, 0.0, TokenKind::Normal));
    let roles = [Role::FimPrefix, Role::FimMiddle, Role::FimSuffix, Role::FileSeparator];
    let declared: Vec<_> = roles.into_iter().zip(fim).chain([(Role::Eos, PAD)]).collect();
    let tokenizer = other.declared(&declared);
    assert_eq!(tokenizer.control().fim.map(|fim| fim.suffix), Some(fim[2]));
    assert_eq!(tokenizer.control().eos, Some(PAD));
    assert!(
        fim.iter().all(|&id| tokenizer.is_control(id)),
        "what has a role is no text"
    );
    assert_eq!(
        other.declared(&declared[1..]).control().fim,
        None,
        "three of four are not enough"
    );
}

#[test]
fn fill_in_the_middle_ids_that_point_to_unused_tokens_are_not_believed() {
    let mut sample = Sample::new();
    let unused = [0, 1, 2, 3].map(|number| sample.add(&format!("<unused{number}>"), 0.0, TokenKind::UserDefined));
    let roles = [Role::FimPrefix, Role::FimMiddle, Role::FimSuffix, Role::FileSeparator];
    let declared: Vec<_> = roles.into_iter().zip(unused).collect();
    assert_eq!(sample.declared(&declared).control().fim, None);
}

#[test]
fn a_vocabulary_that_does_not_fit_together_is_refused() {
    let mut short = Sample::new();
    short.scores.pop();
    assert_eq!(
        short.error(),
        "the vocabulary has 260 pieces, 259 scores and 260 kinds, expected as many of each"
    );

    let mut no_byte = Sample::new();
    no_byte.kinds[BYTES as usize + 0x41] = TokenKind::Normal;
    assert_eq!(
        no_byte.error(),
        "the vocabulary has no byte token <0x41>, expected one for each byte"
    );

    let mut misnamed = Sample::new();
    misnamed.add("<0xZZ>", 0.0, TokenKind::Byte);
    assert_eq!(
        misnamed.error(),
        "token 260 is a byte token, but its piece is \"<0xZZ>\", not like <0x0A>"
    );

    let mut unordered = Sample::new();
    unordered.add("a", f32::NAN, TokenKind::Normal);
    assert_eq!(unordered.error(), "the score of token 260 is not a number");
}

/// A GGUF file without tensors that holds `sample`, the given numbers and `model` as the tokenizer's kind.
fn gguf(sample: &Sample, model: &str, numbers: &[(&str, u32)]) -> Vec<u8> {
    fn text(file: &mut Vec<u8>, text: &str) {
        file.extend((text.len() as u64).to_le_bytes());
        file.extend(text.as_bytes());
    }
    fn array(file: &mut Vec<u8>, key: &str, kind: u32, len: usize) {
        text(file, key);
        file.extend([9, kind].map(u32::to_le_bytes).concat());
        file.extend((len as u64).to_le_bytes());
    }
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend([0, numbers.len() as u64 + 4].map(u64::to_le_bytes).concat());
    text(&mut file, "tokenizer.ggml.model");
    file.extend(8_u32.to_le_bytes());
    text(&mut file, model);
    array(&mut file, "tokenizer.ggml.tokens", 8, sample.pieces.len());
    sample.pieces.iter().for_each(|piece| text(&mut file, piece));
    array(&mut file, "tokenizer.ggml.scores", 6, sample.scores.len());
    file.extend(sample.scores.iter().flat_map(|score| score.to_le_bytes()));
    array(&mut file, "tokenizer.ggml.token_type", 5, sample.kinds.len());
    file.extend(sample.kinds.iter().flat_map(|&kind| (kind as i32 + 1).to_le_bytes()));
    for (key, number) in numbers {
        text(&mut file, key);
        file.extend([4, *number].map(u32::to_le_bytes).concat());
    }
    file
}

#[test]
fn a_gguf_vocabulary_is_read_and_its_declared_ids_are_checked() {
    let sample = Sample::new()
        .normal(&[("a", -1.0), ("b", -2.0), ("ab", -3.0)])
        .user_defined(&["\n"]);
    let read = |model: &str, numbers: &[(&str, u32)]| {
        let file = gguf(&sample, model, numbers);
        sentencepiece::read(&Gguf::parse(&file, file.len()).expect("a sound header"))
    };
    let tokenizer = read("llama", &[("tokenizer.ggml.eos_token_id", PAD)]).expect("a sound vocabulary");
    assert_eq!(spelled(&tokenizer, "aab\n"), ["a", "ab", "\n"]);
    assert_eq!(
        (tokenizer.begin_of_text(), tokenizer.control().eos),
        (Some(BOS), Some(PAD))
    );

    let error = |model: &str, numbers: &[(&str, u32)]| read(model, numbers).err().expect("an error");
    assert_eq!(
        error("gpt2", &[]),
        "its tokenizer is of the kind \"gpt2\", expected SentencePiece (\"llama\")"
    );
    assert_eq!(
        error("llama", &[("tokenizer.ggml.bos_token_id", 264)]),
        "tokenizer.ggml.bos_token_id is 264, but the vocabulary has 264 tokens"
    );
    let file = gguf(&sample, "llama", &[]);
    let at = file
        .windows(21)
        .position(|window| window == b"tokenizer.ggml.scores")
        .expect("the key is there");
    let mut without_scores = file;
    without_scores[at + 20] = b'd';
    let without_scores = Gguf::parse(&without_scores, without_scores.len()).expect("a sound header");
    let error = sentencepiece::read(&without_scores).err().expect("an error");
    assert_eq!(error, "the key tokenizer.ggml.scores is missing");
}

#[test]
fn ids_past_the_end_are_nothing() {
    let tokenizer = Sample::new().build();
    assert_eq!(tokenizer.vocab_size(), 260);
    for id in [260, u32::MAX] {
        assert_eq!(tokenizer.piece(id), None);
        assert!(tokenizer.bytes(id).is_empty());
        assert!(tokenizer.is_control(id));
    }
}

#[test]
fn a_tokenizer_json_gives_words_and_keeps_control_tokens_out_of_text() {
    let added = [
        added(1, "<eos>", true),
        added(2, "<bos>", true),
        added(260, "<|fim_prefix|>", false),
        added(261, "\n\n", false),
        added(268, "<loc0000>", false),
    ];
    let pieces = ["<|fim_prefix|>", "\n\n", "a", "b", "ab", "▁", "▁ab", "<eos"];
    let file = json(&pieces, &["a b", "▁ ab"], &format!("[{}]", added.join(",")));
    let tokenizer = self::json::read(file.as_bytes()).expect("a sound file");
    assert_eq!(spelled(&tokenizer, "ab ab\n\nb"), ["ab", "▁ab", "\n\n", "b"]);
    assert_eq!(tokenizer.begin_of_text(), Some(BOS));
    assert_eq!(tokenizer.vocab_size(), 269);
    for text in ["<eos>", "<bos>", "<|fim_prefix|>", "<loc0000>", "x <eos> é\0"] {
        let ids = tokenizer.encode(text);
        assert!(ids.iter().all(|&id| !tokenizer.is_control(id)), "{text}: {ids:?}");
        assert_eq!(decoded(&tokenizer, &ids), text);
    }
}

#[test]
fn merges_that_spell_a_control_token_yield_its_bytes() {
    let pieces = ["<", "|", "x", ">", "<|", "|>", "<|x", "<|x|>"];
    let file = json(&pieces, &["< |", "| >", "<| x", "<|x |>"], "[]");
    let tokenizer = self::json::read(file.as_bytes()).expect("a sound file");
    assert_eq!(tokenizer.encode("<|x|>"), b"<|x|>".map(|byte| BYTES + u32::from(byte)));
    assert_eq!(spelled(&tokenizer, "<|x"), ["<|x"]);
}

#[test]
fn an_unfit_tokenizer_json_is_refused() {
    let error = |file: &str| self::json::read(file.as_bytes()).err().expect("an error");
    assert!(error("{").starts_with("not a BPE tokenizer: EOF"), "{}", error("{"));
    let unigram = json(&[], &[], "[]").replace(r#""type":"BPE""#, r#""type":"Unigram""#);
    assert!(
        error(&unigram).contains("expected Gemma's \"BPE\""),
        "{}",
        error(&unigram)
    );
    let no_fallback = json(&[], &[], "[]").replace(r#""byte_fallback":true"#, r#""byte_fallback":false"#);
    assert!(error(&no_fallback).contains("byte fallback"), "{}", error(&no_fallback));
    let hole = json(&["a"], &[], "[]").replace(r#""a":260"#, r#""a":4000000000"#);
    assert_eq!(error(&hole), "the vocabulary has 261 pieces, but none with the id 260");
    let misplaced = json(&["a"], &[], &format!("[{}]", added(260, "b", false)));
    assert_eq!(
        error(&misplaced),
        "added token 260 is \"b\", but the vocabulary has \"a\" there"
    );
    let far = json(&["a"], &[], &format!("[{}]", added(4_000_000_000, "b", false)));
    assert_eq!(error(&far), "added token \"b\" has the id 4000000000, expected 261");
    let with = |from: &str, to: &str| {
        let file = json(&["a", "éé"], &[], "[]");
        let changed = file.replace(from, to);
        assert_ne!(changed, file, "{from}");
        error(&changed)
    };
    // What makes the library panic, or a text of a character.
    let prefix = with(
        r#""type":"BPE""#,
        r###""type":"BPE","continuing_subword_prefix":"##""###,
    );
    assert!(
        prefix.contains("continuing_subword_prefix, which no Gemma's has"),
        "{prefix}"
    );
    let dropout = with(r#""type":"BPE""#, r#""type":"BPE","dropout":0.1"#);
    assert!(dropout.contains("dropout"), "{dropout}");
    let long = with(r#""content":"▁""#, &format!(r#""content":"{}""#, "x".repeat(1000)));
    assert!(long.contains("its normalizer is") && long.len() < 200, "{long}");
    let splits = with(r#""pre_tokenizer":null"#, r#""pre_tokenizer":{"type":"ByteLevel"}"#);
    assert!(splits.contains("its pre-tokenizer is \"ByteLevel\""), "{splits}");
    let piece = with("éé", &"é".repeat(600));
    assert!(piece.contains("has 1200 bytes"), "{piece}");
}

#[test]
fn vocabularies_without_bounds_are_refused() {
    let words: Vec<String> = (0..5000).map(|number| format!("w{number}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let error = Sample::new().user_defined(&words).error();
    assert!(error.contains("5000 user-defined pieces"), "{error}");
    let long = "x".repeat(2000);
    let error = Sample::new().normal(&[(&long, 0.0)]).error();
    assert!(error.contains("has 2000 bytes"), "{error}");
}

#[test]
fn what_is_no_tokenizer_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = |path: &Path| Tokenizer::load(&path.into()).err().expect("an error").to_string();
    assert!(
        error(folder.path()).contains("the folder has no tokenizer.json; download"),
        "{}",
        error(folder.path())
    );
    let missing = folder.path().join("missing.gguf");
    assert!(
        error(&missing).contains("missing.gguf: it cannot be read"),
        "{}",
        error(&missing)
    );
    let other = folder.path().join("other.bin");
    for contents in ["", "hello", "GGUF"] {
        std::fs::write(&other, contents).expect("a file");
        assert!(!error(&other).contains('\n'), "{}", error(&other));
    }
    let file = folder.path().join("tokenizer.json");
    std::fs::write(&file, json(&["a"], &[], "[]")).expect("a file");
    for path in [folder.path(), file.as_path()] {
        assert_eq!(Tokenizer::load(&path.into()).expect("a tokenizer").encode("a"), [260]);
    }
}

/// What a stream decoder gives for chunks of bytes, after each and at the end.
fn streamed<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> String {
    let (mut text, mut stream) = (String::new(), StreamDecoder::default());
    for chunk in chunks {
        stream.push(chunk, &mut text);
    }
    text
}

#[test]
fn a_stream_is_the_text_however_it_is_cut() {
    let texts: [&[u8]; 8] = [
        "a👩‍👩‍👧é日".as_bytes(),
        "\u{10ffff}\u{7ff}\u{800}\0".as_bytes(),
        b"\xF0\x9F\xA6",
        b"\xFF\xFEa\xC3",
        b"\xE2\x28\xA1\xE2\x82",
        b"\xF0\x9F\xF0\x9F\xA6\x80\x80",
        b"\xC0\xAF\xED\xA0\x80\xF4\x90\x80\x80",
        b"",
    ];
    for bytes in texts {
        let expected = String::from_utf8_lossy(bytes).replace('\u{fffd}', "");
        assert_eq!(streamed(bytes.chunks(1)), expected);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let cut = [&bytes[..first], &bytes[first..second], &[], &bytes[second..]];
                assert_eq!(
                    streamed(cut.into_iter()),
                    expected,
                    "{bytes:x?} cut at {first} and {second}"
                );
            }
        }
    }
}

#[test]
fn a_stream_gives_whole_characters_as_soon_as_they_are_complete() {
    let (mut text, mut stream) = (String::new(), StreamDecoder::default());
    for (byte, expected) in [
        (b'a', "a"),
        (0xF0, "a"),
        (0x9F, "a"),
        (0xA6, "a"),
        (0x80, "a🦀"),
        (0xC3, "a🦀"),
    ] {
        stream.push(&[byte], &mut text);
        assert_eq!(text, expected);
    }
}
