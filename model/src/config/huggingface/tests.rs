use super::super::{LayerConfig, ModelConfig, Rope};
use super::from_json;

/// A configuration with `extra` keys, over the sizes that every one needs.
fn parse(extra: &str) -> Result<ModelConfig, String> {
    let sizes = r#""vocab_size": 100, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 7,
        "num_attention_heads": 4, "num_key_value_heads": 2"#;
    from_json(&format!("{{{sizes}, {extra}}}"))
}

fn windows(config: &ModelConfig) -> Vec<Option<usize>> {
    config.layers.iter().map(|layer| layer.window).collect()
}

const LOCAL: Rope = Rope { base: 1e4, factor: 1.0 };

#[test]
fn gemma_attends_to_everything() {
    let config = parse(r#""model_type": "gemma", "head_dim": 16, "rope_theta": 20000.0"#).unwrap();
    let rope = Rope { base: 2e4, factor: 1.0 };
    assert!(
        config
            .layers
            .iter()
            .all(|layer| *layer == LayerConfig { window: None, rope })
    );
    assert_eq!(config.query_scale, 0.25);
    assert_eq!(
        (config.qk_norm, config.post_norms, config.logit_softcap),
        (false, false, None)
    );
}

#[test]
fn gemma2_alternates_and_caps() {
    let caps = r#""attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "query_pre_attn_scalar": 144"#;
    let config = parse(&format!(r#""model_type": "gemma2", "sliding_window": 8, {caps}"#)).unwrap();
    assert_eq!(windows(&config), [Some(8), None, Some(8), None, Some(8), None, Some(8)]);
    assert_eq!(
        (config.attention_softcap, config.logit_softcap),
        (Some(50.0), Some(30.0))
    );
    assert_eq!(config.query_scale, 1.0 / 12.0);
    assert_eq!(config.head_dim, 256);
}

#[test]
fn gemma3_is_the_same_in_the_old_and_the_new_form() {
    let scaling = r#""rope_scaling": {"factor": 8.0, "rope_type": "linear"}"#;
    let old = format!(
        r#""model_type": "gemma3_text", "sliding_window": 8, "rope_theta": 1000000, {scaling},
        "rope_local_base_freq": 10000, "sliding_window_pattern": 3"#
    );
    let new = r#""model_type": "gemma3_text", "sliding_window": 8, "_sliding_window_pattern": 3, "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}},
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention",
            "sliding_attention", "full_attention", "sliding_attention"]"#;
    let (old, new) = (parse(&old).unwrap(), parse(new).unwrap());
    assert_eq!(old, new);
    assert_eq!(windows(&old), [Some(8), Some(8), None, Some(8), Some(8), None, Some(8)]);
    assert_eq!(old.layers[0].rope, LOCAL);
    assert_eq!(old.layers[2].rope, Rope { base: 1e6, factor: 8.0 });
    assert!(old.qk_norm && old.post_norms);
}

#[test]
fn the_text_part_of_a_multimodal_model_is_taken() {
    let sizes = r#""vocab_size": 100, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 6,
        "num_attention_heads": 4, "num_key_value_heads": 2"#;
    let json = format!(r#"{{"model_type": "gemma3", "text_config": {{"model_type": "gemma3_text", {sizes}}}}}"#);
    assert_eq!(windows(&from_json(&json).unwrap())[4..], [Some(4096), None]);
}

#[test]
fn what_cannot_run_is_named() {
    for (extra, expected) in [
        (r#""model_type": "llama""#, "model_type \"llama\" is not a Gemma"),
        (r#""a": 1"#, "model_type \"\" is not a Gemma"),
        (
            r#""model_type": "gemma", "attention_bias": true"#,
            "attention_bias is true",
        ),
        (
            r#""model_type": "gemma", "tie_word_embeddings": false"#,
            "tie_word_embeddings is false",
        ),
        (
            r#""model_type": "gemma3", "use_bidirectional_attention": true"#,
            "only decoders run here",
        ),
        (
            r#""model_type": "gemma", "head_dim": 15"#,
            "head width is 15, expected an even number",
        ),
        (
            r#""model_type": "gemma", "rms_norm_eps": 0"#,
            "norm epsilon is Some(0.0)",
        ),
        (
            r#""model_type": "gemma2", "sliding_window": 0"#,
            "attention window of 0",
        ),
        (
            r#""model_type": "gemma2", "layer_types": ["full_attention"]"#,
            "1 layer_types for 7 layers",
        ),
        (
            r#""model_type": "gemma3", "sliding_window_pattern": 0"#,
            "sliding_window_pattern is 0",
        ),
        (
            r#""model_type": "gemma", "rope_scaling": {"type": "yarn"}"#,
            "rope scaling of type \"yarn\"",
        ),
        (
            r#""model_type": "gemma", "rope_theta": 0"#,
            "rotary embedding with base 0",
        ),
        (r#""model_type": "gemma", "head_dim": -1"#, "invalid value"),
    ] {
        let error = parse(extra).unwrap_err();
        assert!(error.contains(expected), "{extra}: {error}");
    }
    assert!(from_json("{").unwrap_err().contains("not valid JSON"));
}

/// What the published files of a size say, without what they leave out.
#[track_caller]
fn check_published(text: &str, sizes: [usize; 7], query_dim: f32) {
    let json = format!(
        r#"{{"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "mm_tokens_per_image": 256,
        "text_config": {text}, "vision_config": {{"hidden_size": 1152, "model_type": "siglip_vision_model"}}}}"#
    );
    let config = from_json(&json).unwrap();
    let found = [
        config.vocab_size,
        config.hidden_size,
        config.intermediate_size,
        config.layers.len(),
        config.heads,
        config.kv_heads,
        config.head_dim,
    ];
    assert_eq!(found, sizes);
    assert_eq!(config.query_scale, query_dim.powf(-0.5));
    assert_eq!(config.trained_context, 131_072);
    assert_eq!((config.attention_softcap, config.logit_softcap), (None, None));
    assert_eq!(windows(&config)[4..7], [Some(1024), None, Some(1024)]);
    assert_eq!(
        (config.layers[0].rope, config.layers[5].rope),
        (LOCAL, Rope { base: 1e6, factor: 8.0 })
    );
}

#[test]
fn published_files_that_leave_out_the_defaults_are_read() {
    let scaling = r#""rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024"#;
    check_published(
        &format!(
            r#"{{"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34, {scaling}}}"#
        ),
        [262_208, 2560, 10_240, 34, 8, 4, 256],
        256.0,
    );
    check_published(
        &format!(
            r#"{{"head_dim": 128, "hidden_size": 5376, "intermediate_size": 21504, "model_type": "gemma3_text",
            "num_attention_heads": 32, "num_hidden_layers": 62, "num_key_value_heads": 16, "query_pre_attn_scalar": 168, {scaling}}}"#
        ),
        [262_208, 5376, 21_504, 62, 32, 16, 128],
        168.0,
    );
    let gemma = from_json(r#"{"model_type": "gemma"}"#).unwrap();
    assert_eq!(
        (gemma.vocab_size, gemma.layers.len(), gemma.kv_heads),
        (256_000, 28, 16)
    );
    let caps = |extra: &str| {
        let config = from_json(&format!(r#"{{"model_type": "gemma2"{extra}}}"#)).unwrap();
        (config.attention_softcap, config.logit_softcap)
    };
    assert_eq!(caps(""), (Some(50.0), Some(30.0)));
    assert_eq!(
        caps(r#", "attn_logit_softcapping": null, "final_logit_softcapping": 20.0"#),
        (None, Some(20.0))
    );
}
