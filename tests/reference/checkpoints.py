#!/usr/bin/env python3
"""Makes the golden checkpoints: tiny random Gemmas and the logits that transformers computes with them.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.23.0 safetensors==0.8.0
    venv/bin/python tests/reference/checkpoints.py

Writes tests/reference/golden/<name>/, a Hugging Face folder without a tokenizer plus

    logits.safetensors   tokens (i64, [n]) and logits (f32, [n, vocabulary]): one prefill of all n tokens in f32 with
                         eager attention; n is several times the sliding window

where <name> is
    gemma           Gemma 1 and CodeGemma; config.json in the flat form of the published repositories
    gemma2          alternating window, both softcaps, a query scale that is not 1/sqrt(head_dim)
    gemma3          five local layers, a global one, a local one; two rope bases; weights in several files
    gemma3-scaled   as Gemma 3 4B and up: positions of the global layers divided by 8

Weights are seeded: the same versions give the same files. They are large enough for every part to matter, which the
script checks: with a softcap, the window, a rope setting or the query scale changed, the logits must come out
different.

Needs Python 3.10 or newer.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
)

GOLDEN = Path(__file__).resolve().parent / "golden"
TOKENS = 48
# Below this, the order of the two best tokens could turn on the order of a sum.
SMALLEST_LEAD = 0.005
# A part of the graph matters if leaving it out moves some logit by this much; the tests' tolerance is 0.001.
MATTERS = 0.1

COMMON = dict(vocab_size=96, hidden_size=32, head_dim=16, num_attention_heads=4, max_position_embeddings=512)
LOCAL = {"rope_type": "default", "rope_theta": 10000.0}
GLOBAL = {"rope_type": "default", "rope_theta": 1000000.0}
GLOBAL_BY_8 = {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0}


def gemma(**change):
    settings = dict(COMMON, num_hidden_layers=3, num_key_value_heads=1, intermediate_size=64)
    return GemmaForCausalLM, GemmaConfig(**{**settings, **change})


def gemma2(**change):
    settings = dict(
        COMMON,
        num_hidden_layers=4,
        num_key_value_heads=2,
        intermediate_size=48,
        sliding_window=8,
        query_pre_attn_scalar=24,
        attn_logit_softcapping=5.0,
        final_logit_softcapping=10.0,
    )
    return Gemma2ForCausalLM, Gemma2Config(**{**settings, **change})


def gemma3(**change):
    settings = dict(
        COMMON,
        num_hidden_layers=7,
        num_key_value_heads=1,
        intermediate_size=32,
        sliding_window=8,
        query_pre_attn_scalar=16,
        rope_parameters={"full_attention": GLOBAL, "sliding_attention": LOCAL},
    )
    return Gemma3ForCausalLM, Gemma3TextConfig(**{**settings, **change})


def gemma3_scaled(**change):
    settings = dict(
        num_hidden_layers=4,
        num_key_value_heads=2,
        intermediate_size=48,
        query_pre_attn_scalar=20,
        sliding_window_pattern=2,
        rope_parameters={"full_attention": GLOBAL_BY_8, "sliding_attention": LOCAL},
    )
    return gemma3(**{**settings, **change})


# Each name with its maker and the changes that must not go unnoticed.
CHECKPOINTS = {
    "gemma": (gemma, [dict(rope_parameters=GLOBAL), dict(rms_norm_eps=1.0)]),
    "gemma2": (
        gemma2,
        [
            dict(attn_logit_softcapping=None),
            dict(final_logit_softcapping=None),
            dict(sliding_window=9),
            dict(query_pre_attn_scalar=16),
            dict(layer_types=["sliding_attention"] * 4),
            dict(layer_types=["full_attention", "sliding_attention"] * 2),
        ],
    ),
    "gemma3": (
        gemma3,
        [
            dict(sliding_window=9),
            dict(layer_types=["sliding_attention"] * 7),
            dict(rope_parameters={"full_attention": LOCAL, "sliding_attention": LOCAL}),
            dict(rope_parameters={"full_attention": GLOBAL, "sliding_attention": GLOBAL}),
        ],
    ),
    "gemma3-scaled": (
        gemma3_scaled,
        [
            dict(sliding_window=9),
            dict(query_pre_attn_scalar=16),
            dict(rope_parameters={"full_attention": GLOBAL, "sliding_attention": LOCAL}),
            dict(rope_parameters={"full_attention": GLOBAL_BY_8, "sliding_attention": GLOBAL_BY_8}),
        ],
    ),
}


def build(make, weights=None, **change):
    kind, config = make(**change)
    config._attn_implementation = "eager"
    model = kind(config).eval()
    if weights is None:
        for name, parameter in model.named_parameters():
            deviation = 0.3 if name.endswith("norm.weight") else 1.0 if "embed_tokens" in name else 0.4
            torch.nn.init.normal_(parameter, std=deviation)
    else:
        model.load_state_dict(weights)
    return model


def logits_of(model, tokens):
    with torch.no_grad():
        return model(input_ids=tokens.unsqueeze(0), use_cache=False).logits[0].float().contiguous()


def write_flat_config(folder):
    """The form in which Gemma 1 and CodeGemma are published: `hidden_act` names the exact GELU there, and every
    implementation computes the tanh form all the same."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["rope_scaling"] = None
    config["torch_dtype"] = config.pop("dtype")
    config["hidden_act"] = "gelu"
    config["hidden_activation"] = None
    config["transformers_version"] = "4.38.0"
    for newer in ("tie_word_embeddings", "use_bidirectional_attention"):
        config.pop(newer, None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


def main():
    torch.set_num_threads(1)
    for number, (name, (make, changes)) in enumerate(CHECKPOINTS.items()):
        torch.manual_seed(number + 1)
        model = build(make)
        tokens = torch.randint(3, COMMON["vocab_size"], (TOKENS,))
        tokens[0] = 2
        logits = logits_of(model, tokens)

        best = logits.topk(2, dim=-1).values
        lead = (best[:, 0] - best[:, 1]).min().item()
        assert lead > SMALLEST_LEAD, f"{name}: the two best tokens are {lead} apart somewhere; take another seed"
        for change in changes:
            moved = (logits_of(build(make, model.state_dict(), **change), tokens) - logits).abs().max().item()
            assert moved > MATTERS, f"{name}: {change} moves the logits by {moved} only"

        folder = GOLDEN / name
        shutil.rmtree(folder, ignore_errors=True)
        shards = {"max_shard_size": "150KB"} if name == "gemma3" else {}
        model.save_pretrained(folder, **shards)
        (folder / "generation_config.json").unlink(missing_ok=True)
        if name == "gemma":
            write_flat_config(folder)
        save_file({"tokens": tokens, "logits": logits}, folder / "logits.safetensors")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{name}: {size} bytes, logits up to {logits.abs().max().item():.1f}, smallest lead {lead:.3f}")


if __name__ == "__main__":
    main()
