use serde_json::json;

use super::*;

#[test]
fn every_default_is_a_value_that_may_be_set() {
    for key in KEYS {
        if let Default::Is(text) = key.default {
            assert_eq!(key.check(&text.parse().unwrap()), Ok(()), "{}", key.name);
        }
        assert!(std::ptr::eq(self::key(key.name), key), "{} is there twice", key.name);
    }
}

#[test]
fn values_out_of_range_are_refused_with_what_was_expected() {
    let check = |name: &str, value: Value, expected: Result<(), &str>| {
        assert_eq!(
            key(name).check(&value),
            expected.map_err(str::to_owned),
            "{name} {value}"
        );
    };
    check("maxTokens", json!(8192), Ok(()));
    check("maxTokens", json!(8193), Err("a number up to 8192"));
    check("maxTokens", json!(0), Err("a number above 0"));
    check("maxTokens", json!(1.5), Err("a number above 0"));
    check("contextTokens", json!(100), Err("a number above 255"));
    check("deadlineMs", json!("fast"), Err("a number of milliseconds above 0"));
    check("cacheMiB", json!(0), Ok(()));
    check("cacheMiB", json!(-1), Err("a number of MiB"));
    check("gpuLayers", json!(4), Err("0"));
    check("confidence", json!(1), Ok(()));
    check("confidence", json!(1.01), Err("a number from 0 to 1"));
    check("device", json!("cuda:0"), Err("\"auto\" or \"cpu\""));
    check("multiline", json!(true), Err("\"auto\", \"never\" or \"always\""));
    check("model", json!(""), Err("a text"));
    check("exclude", json!(["a", 1]), Err("a list of texts"));
    check("context.imports", json!("yes"), Err("true or false"));
}

#[test]
fn a_flag_s_text_is_read_by_the_same_rules() {
    let parse = |name: &str, text: &str| key(name).parse(text);
    assert_eq!(parse("threads", "4"), Ok(json!(4)));
    assert_eq!(parse("threads", "0"), Err("expected a number above 0".to_owned()));
    assert_eq!(parse("threads", "four"), Err("expected a number above 0".to_owned()));
    assert_eq!(parse("model", "4"), Ok(json!("4")));
}

#[test]
fn paths_lead_to_keys_tables_or_nowhere() {
    let check = |path: &[&str], expected: &str| {
        let found = match find(path) {
            Found::Key(key) => key.name,
            Found::Table => "table",
            Found::Nothing => "nothing",
        };
        assert_eq!(found, expected, "{path:?}");
    };
    check(&["maxTokens"], "maxTokens");
    check(&["context"], "table");
    check(&["context", "imports"], "context.imports");
    check(&["languages"], "table");
    check(&["languages", "c++"], "table");
    check(&["languages", "c++", "enabled"], "languages.<id>.enabled");
    check(&["languages", "c++", "model"], "nothing");
    check(&["theme"], "nothing");
    check(&["model", "x"], "nothing");
}

#[test]
fn a_mistake_is_told_from_another_word() {
    let check = |path: &[&str], expected: Option<&str>| assert_eq!(nearest(path).as_deref(), expected, "{path:?}");
    check(&["maxToken"], Some("maxTokens"));
    check(&["max_tokens"], Some("maxTokens"));
    check(&["max-tokens"], Some("maxTokens"));
    check(&["multilnie"], Some("multiline"));
    check(&["openFiles"], Some("context.openFiles"));
    check(&["context", "opneFiles"], Some("context.openFiles"));
    check(&["languages", "rust", "enable"], Some("languages.rust.enabled"));
    check(&["enable"], Some("enabled"));
    check(&["contxt"], Some("context"));
    check(&["language", "rust"], None);
    check(&["theme"], None);
    check(&["trace"], None);
}

/// A whole number is one, whether it is written with a point or not.
fn plain(value: Value) -> Value {
    value.as_f64().map_or(value, Value::from)
}

/// What VS Code's manifest must say of a key, beside its words.
fn schema(key: &Key) -> Value {
    let mut schema = match key.kind {
        KeyKind::Switch => json!({"type": "boolean"}),
        KeyKind::Whole { from, to, .. } => json!({"type": "integer", "minimum": from, "maximum": to}),
        KeyKind::Share => json!({"type": "number", "minimum": 0, "maximum": 1}),
        KeyKind::Choice(words) => json!({"type": "string", "enum": words}),
        KeyKind::Text => json!({"type": "string"}),
        KeyKind::Texts => json!({"type": "array", "items": {"type": "string"}}),
    };
    if let Default::Is(text) = key.default {
        schema["default"] = plain(text.parse().unwrap());
    } else if key.kind == KeyKind::Text {
        schema["default"] = json!("");
    } else if !key.name.contains("<id>") {
        schema["type"] = json!([schema["type"], "null"]);
        schema["default"] = Value::Null;
    }
    if key.place == KeyPlace::Trusted {
        schema["scope"] = json!("machine");
    }
    schema
}

#[test]
fn vs_code_offers_every_key_that_can_be_set_to_several_values() {
    let manifest: Value = include_str!("../../../../editors/vscode/package.json").parse().unwrap();
    let mut offered = manifest["contributes"]["configuration"]["properties"].clone();
    let offered = offered.as_object_mut().unwrap();
    // What the extension keeps to itself.
    offered.remove("codegemma.serverPath").unwrap();
    offered.remove("codegemma.trace.server").unwrap();
    let languages = offered.remove("codegemma.languages").unwrap();
    let languages = languages["additionalProperties"]["properties"].as_object().unwrap();
    offered.extend(
        languages
            .iter()
            .map(|(name, schema)| (format!("codegemma.languages.<id>.{name}"), schema.clone())),
    );
    for schema in offered.values_mut() {
        let words = ["order", "description", "markdownDescription", "enumDescriptions"];
        schema
            .as_object_mut()
            .unwrap()
            .retain(|name, _| !words.contains(&name.as_str()));
        if let Some(default) = schema.get_mut("default") {
            *default = plain(default.take());
        }
    }
    let settable = |key: &&Key| {
        let has_one_value = matches!(key.kind, KeyKind::Whole { from, to, .. } if from == to);
        matches!(key.place, KeyPlace::Everywhere | KeyPlace::Trusted) && !has_one_value
    };
    let expected: serde_json::Map<_, _> = KEYS
        .iter()
        .filter(settable)
        .map(|key| (format!("codegemma.{}", key.name), schema(key)))
        .collect();
    assert_eq!(*offered, expected);
}
