//! Damage at random: to the bytes of any file, to the parts of a GGUF file, and to the values of a JSON document.

use serde_json::{Value, json};

use crate::container::Format;
use crate::testing::{GgufWriter, Meta, Random};

/// Numbers at which sizes, counts and offsets go wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    3,
    31,
    255,
    1 << 16,
    (1 << 24) + 1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 63,
    u64::MAX,
];

/// Texts that are no names, no pieces of a vocabulary and no types.
fn text(random: &mut Random) -> String {
    let texts = [
        "",
        " ",
        "▁",
        "\u{1b}[2J\r\n",
        "\u{202e}",
        "<0xZZ>",
        "<bos>",
        "llama",
        "😀",
        "../../x",
    ];
    match random.below(texts.len() + 1) {
        at if at < texts.len() => texts[at].to_owned(),
        _ => "x".repeat(*random.pick(&[100, 2_000, 70_000])),
    }
}

/// Damages bytes in up to four places, most of them in the `header` at the beginning.
pub(super) fn damage_bytes(bytes: &mut Vec<u8>, header: usize, random: &mut Random) {
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            return;
        }
        let end = if random.once_in(4) {
            bytes.len()
        } else {
            header.clamp(1, bytes.len())
        };
        let at = random.below(end);
        let some = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(9) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.below(256) as u8,
            2 => overwrite(bytes, at, &random.pick(&NUMBERS).to_le_bytes()),
            3 => overwrite(bytes, at, &(*random.pick(&NUMBERS) as u32).to_le_bytes()),
            4 => bytes.truncate(at),
            5 => bytes.extend((0..random.below(100)).map(|byte| byte as u8)),
            6 => drop(bytes.drain(at..some)),
            7 => {
                let copy = bytes[at..some].to_vec();
                let place = random.below(end);
                bytes.splice(place..place, copy);
            }
            _ => {
                let copy = bytes[at..some].to_vec();
                overwrite(bytes, random.below(end), &copy);
            }
        }
    }
}

/// Writes over what is there, as far as it goes.
fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes[at..].iter_mut().zip(with).for_each(|(byte, new)| *byte = *new);
}

/// Damages one key or one tensor.
pub(super) fn damage_gguf(gguf: &mut GgufWriter, random: &mut Random) {
    if random.once_in(2) {
        let place = random.below(gguf.metadata.len());
        match random.below(4) {
            0 => drop(gguf.metadata.remove(place)),
            1 => gguf.metadata.push(gguf.metadata[place].clone()),
            2 => gguf.metadata[place].1 = other_value(random),
            _ => damage_value(&mut gguf.metadata[place].1, random),
        }
        return;
    }
    let place = random.below(gguf.tensors.len());
    let (name, shape, format, bytes) = &mut gguf.tensors[place];
    match random.below(7) {
        0 => drop(gguf.tensors.remove(place)),
        1 => {
            let copy = gguf.tensors[place].clone();
            gguf.tensors.push(copy);
        }
        2 => *name = text(random),
        3 => {
            let at = random.below(shape.len());
            shape[at] = *random.pick(&NUMBERS) as usize;
        }
        4 => *shape = vec![32; random.below(6)],
        5 => {
            *format = *random.pick(&[
                Format::F32,
                Format::F16,
                Format::BF16,
                Format::Q8_0,
                Format::Q4_K,
                Format::Q6_K,
            ])
        }
        _ => damage_bytes(bytes, usize::MAX, random),
    }
}

fn other_value(random: &mut Random) -> Meta {
    match random.below(7) {
        0 => Meta::U32(*random.pick(&NUMBERS) as u32),
        1 => Meta::F32(*random.pick(&[0.0, -1.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE, 1e30])),
        2 => Meta::Bool(true),
        3 => Meta::Text(text(random)),
        4 => Meta::Texts(vec![text(random); random.below(3)]),
        5 => Meta::Floats(vec![f32::NAN; random.below(1_000)]),
        _ => Meta::Integers(vec![-1; random.below(1_000)]),
    }
}

/// Another value of the same type.
fn damage_value(value: &mut Meta, random: &mut Random) {
    let number = *random.pick(&NUMBERS);
    match value {
        Meta::U32(value) => *value = number as u32,
        Meta::F32(value) => *value = f32::from_bits(number as u32),
        Meta::Bool(value) => *value = !*value,
        Meta::Text(value) => *value = text(random),
        Meta::Texts(values) => damage_list(values, text(random), random),
        Meta::Floats(values) => damage_list(values, f32::from_bits(number as u32), random),
        Meta::Integers(values) => damage_list(values, number as i32, random),
    }
}

fn damage_list<T: Clone>(values: &mut Vec<T>, other: T, random: &mut Random) {
    let Some(place) = values.len().checked_sub(1).map(|last| random.below(last + 1)) else {
        return values.push(other);
    };
    match random.below(5) {
        0 => drop(values.remove(place)),
        1 => values.push(values[place].clone()),
        2 => values.truncate(place),
        3 => values.swap(place, 0),
        _ => values[place] = other,
    }
}

/// Damages one value of a document.
pub(super) fn damage_json(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut document = serde_json::from_slice(bytes).expect("JSON");
    damage_member(&mut document, random);
    let mut bytes = document.to_string().into_bytes();
    if random.once_in(20) {
        // Deeper than a parser that calls itself could go.
        let place = random.below(bytes.len());
        bytes.splice(
            place..place,
            random.pick(&["[", "{\"a\":"]).repeat(100_000).into_bytes(),
        );
    }
    bytes
}

fn damage_member(value: &mut Value, random: &mut Random) {
    let deeper = !random.once_in(4);
    match value {
        Value::Object(members) if !members.is_empty() => {
            let name = members
                .keys()
                .nth(random.below(members.len()))
                .expect("a member")
                .clone();
            match random.below(6) {
                _ if deeper => damage_member(&mut members[&name], random),
                0..2 => drop(members.remove(&name)),
                2..4 => drop(members.insert(text(random), members[&name].clone())),
                _ => members[&name] = other_json(random),
            }
        }
        Value::Array(values) if !values.is_empty() => {
            let place = random.below(values.len());
            match deeper {
                true => damage_member(&mut values[place], random),
                false => damage_list(values, other_json(random), random),
            }
        }
        _ => *value = other_json(random),
    }
}

fn other_json(random: &mut Random) -> Value {
    match random.below(8) {
        0 => Value::Null,
        1 => json!(random.once_in(2)),
        2 => json!(random.pick(&NUMBERS)),
        3 => json!(random.pick(&[-1.0, 0.5, 1e-300, 1e308])),
        4 => json!(text(random)),
        5 => json!([]),
        6 => json!({"type": text(random), "pattern": {"Regex": "(a*)*b"}, "content": ""}),
        _ => (0..*random.pick(&[2, 100, 200])).fold(json!(0), |inner, _| json!([inner])),
    }
}
