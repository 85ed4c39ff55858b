//! `codegemma-complete model inspect`: what a model is, and what it needs here.
//!
//! It must not read files itself; the engine does.

use std::fmt::Write;

use codegemma_model::{InspectedTensor, Inspection, bench, inspect};
use serde::Serialize;

use super::super::failure::Failure;
use super::super::output;
use crate::models::path::{self, Given};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete model inspect starter
  codegemma-complete model inspect ~/models/codegemma-2b.gguf --tensors
  codegemma-complete model inspect ~/models/gemma-3-4b-it --context-tokens 32768")]
pub(super) struct Flags {
    /// The model: a known name, a .gguf file, or a folder with safetensors
    model: String,

    /// List every tensor
    #[arg(long)]
    tensors: bool,

    /// The context that the memory is told for; by default the one that is used
    #[arg(long, value_name = "N")]
    context_tokens: Option<usize>,

    /// Print one JSON object
    #[arg(short, long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Inspected<'a> {
    #[serde(flatten)]
    model: &'a Inspection,
    context_tokens: usize,
    memory_bytes: u64,
    /// An estimate, from the bandwidth of memory.
    decode_tps: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tensors: Option<&'a [InspectedTensor]>,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let source = path::resolve(&Given {
        name: &flags.model,
        folder: None,
        remedy: "check the name",
    })?;
    let model = inspect(&source).map_err(Failure::new)?;
    let context = flags.context_tokens.unwrap_or(model.usual_context());
    let inspected = Inspected {
        context_tokens: context,
        memory_bytes: model.memory_bytes(context),
        decode_tps: model.tokens_per_second(bench::bandwidth(None)),
        tensors: flags.tensors.then_some(&model.tensors),
        model: &model,
    };
    match flags.json {
        true => output::print_json(&inspected),
        false => output::print_readable(&table(&inspected).map_err(Failure::new)?),
    }
}

fn table(inspected: &Inspected<'_>) -> Result<String, std::fmt::Error> {
    let model = inspected.model;
    let mut out = String::new();
    writeln!(out, "{}", model.name)?;
    let mut line = |what: &str, value: String| writeln!(out, "  {what:<20}{value}");
    let parameters = model.parameters as f64;
    line(
        "architecture",
        format!("{}, {} parameters", model.architecture, count(parameters)),
    )?;
    let files = if model.files > 1 {
        format!(" in {} files", model.files)
    } else {
        String::new()
    };
    line(
        "quantization",
        format!("{}, {}{files}", model.quantization, mib(model.bytes)),
    )?;
    for (format, tensors, bytes) in &model.formats {
        line("", format!("{format}: {tensors} tensors, {}", mib(*bytes)))?;
    }
    line(
        "layers",
        format!(
            "{} of {} wide, feed-forward {}; {} heads of {} over {} of keys and values",
            model.layers, model.hidden_size, model.feed_forward, model.heads, model.head_size, model.key_value_heads
        ),
    )?;
    if let Some((window, layers)) = model.window {
        line(
            "attention",
            format!("{layers} layers see {window} tokens, the others everything"),
        )?;
    }
    let rope = model.rope.iter().map(|(base, factor)| match *factor == 1.0 {
        true => format!("base {base}"),
        false => format!("base {base}, positions over {factor}"),
    });
    line("rotary embedding", rope.collect::<Vec<_>>().join("; "))?;
    line("trained context", format!("{} tokens", model.trained_context))?;
    line(
        "vocabulary",
        format!("{} tokens, {}", model.vocabulary, model.tokenizer),
    )?;
    let control = model.control_tokens.iter().map(|(name, id)| format!("{name} {id}"));
    line("control tokens", control.collect::<Vec<_>>().join(", "))?;
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    line("fills in the middle", yes(model.fill_in_the_middle))?;
    line("instruction-tuned", yes(model.instruction_tuned))?;
    line(
        "sees images",
        match model.images {
            true => "yes, but only its text part runs here".to_owned(),
            false => "no".to_owned(),
        },
    )?;
    let cache = inspected.memory_bytes - model.bytes;
    line(
        "memory",
        format!(
            "{}: {} mapped from the file, {} of keys and values for {} tokens",
            mib(inspected.memory_bytes),
            mib(model.bytes),
            mib(cache),
            inspected.context_tokens
        ),
    )?;
    line(
        "speed here",
        format!(
            "about {:.0} tokens a second, by the bandwidth of memory; `codegemma-complete bench` measures it",
            inspected.decode_tps
        ),
    )?;
    for tensor in inspected.tensors.unwrap_or_default() {
        let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
        writeln!(
            out,
            "  {:<52}{:<8}{:>16}",
            tensor.name,
            tensor.format,
            shape.join(" x ")
        )?;
    }
    Ok(out)
}

/// A large number with its unit.
fn count(number: f64) -> String {
    match number {
        1e9.. => format!("{:.1} billion", number / 1e9),
        1e6.. => format!("{:.0} million", number / 1e6),
        _ => format!("{number:.0}"),
    }
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::starter;

    #[test]
    fn what_the_starter_is_is_said() {
        let model = inspect(&starter::source()).unwrap();
        let inspected = Inspected {
            context_tokens: 4096,
            memory_bytes: model.memory_bytes(4096),
            decode_tps: 1234.0,
            tensors: Some(&model.tensors),
            model: &model,
        };
        let table = table(&inspected).unwrap();
        for word in [
            "parameters",
            "SentencePiece",
            "fills in the middle yes",
            "keys and values for 4096 tokens",
            "about 1234 tokens a second",
            "blk.0.attn_q.weight",
        ] {
            assert!(table.contains(word), "no {word:?} in\n{table}");
        }
        let json = serde_json::to_value(&inspected).unwrap();
        assert_eq!(json["memory_bytes"], inspected.memory_bytes);
        assert_eq!(json["fill_in_the_middle"], true);
        assert_eq!(json["tensors"].as_array().unwrap().len(), model.tensors.len());
    }

    #[test]
    fn counts_have_units() {
        let check = |number: f64, expected: &str| assert_eq!(count(number), expected);
        check(2.51e9, "2.5 billion");
        check(268.1e6, "268 million");
        check(1234.0, "1234");
    }
}
