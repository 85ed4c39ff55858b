#!/usr/bin/env python3
"""Writes models of CodeGemma 2B's shape with random weights, to measure speed and memory with.

    python3 -m venv venv && venv/bin/pip install gguf==0.19.0 numpy
    python3 tests/fetch.py
    venv/bin/python tests/peers/make_2b.py [q4_k_m] [q4_0] [q8_0]

Writes into the folder `models` of the cache that tests/fetch.py fills (by default all three)

    random-2b-q4_k_m.gguf   1.6 GB, the mix of llama.cpp's Q4_K_M: Q4_K, and Q6_K for the embedding and, in half of the
                            layers, for attn_v and ffn_down
    random-2b-q4_0.gguf     1.6 GB, Q4_0 with the embedding in Q6_K, as llama.cpp quantizes
    random-2b-q8_0.gguf     2.7 GB, Q8_0

and prints their paths. What is already there is kept. The weights are valid blocks with a standard deviation of about
0.03, so that activations stay finite, and are the same in every run; the vocabulary is the first 256,000 entries of
Gemma 3 270M's with CodeGemma's control tokens. What such a model writes is noise.
"""

import argparse
import os
import sys
from pathlib import Path

import gguf
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import fetch  # noqa: E402  (found only with the line above)

HIDDEN = 2048
LAYERS = 18
HEADS = 8
KV_HEADS = 1
HEAD_DIM = 256
FFN = 16384
CONTEXT = 8192
VOCABULARY = 256_000
# As in CodeGemma.
FILL_IN_THE_MIDDLE = {67: b"<|fim_prefix|>", 68: b"<|fim_middle|>", 69: b"<|fim_suffix|>", 70: b"<|file_separator|>"}
DEVIATION = 0.03

F32 = gguf.GGMLQuantizationType.F32
Q4_0 = gguf.GGMLQuantizationType.Q4_0
Q8_0 = gguf.GGMLQuantizationType.Q8_0
Q4_K = gguf.GGMLQuantizationType.Q4_K
Q6_K = gguf.GGMLQuantizationType.Q6_K

# The format of most weights, of those that llama.cpp keeps finer in half of the layers, and of the embedding.
VARIANTS = {
    "q4_k_m": (gguf.LlamaFileType.MOSTLY_Q4_K_M, Q4_K, Q6_K, Q6_K),
    "q4_0": (gguf.LlamaFileType.MOSTLY_Q4_0, Q4_0, Q4_0, Q6_K),
    "q8_0": (gguf.LlamaFileType.MOSTLY_Q8_0, Q8_0, Q8_0, Q8_0),
}


def model_path(variant):
    return fetch.cache_folder() / "models" / f"random-2b-{variant}.gguf"


def random_bytes(rng, blocks, count):
    return np.frombuffer(rng.bytes(blocks * count), np.uint8).reshape(blocks, count)


def blocks_of(dtype, count, rng):
    """`count` blocks of a format. The scales vary from block to block, as real ones do."""
    vary = rng.uniform(0.5, 1.5, count)
    if dtype == Q4_0:
        blocks = np.empty(count, [("d", "<f2"), ("q", "u1", 16)])
        # Of both signs, as llama.cpp writes them: the quants are -8 to 7, whose mean is not 0.
        blocks["d"] = DEVIATION / 4.6 * vary * rng.choice([-1, 1], count)
        blocks["q"] = random_bytes(rng, count, 16)
    elif dtype == Q8_0:
        blocks = np.empty(count, [("d", "<f2"), ("q", "u1", 32)])
        blocks["d"] = DEVIATION / 74 * vary
        blocks["q"] = random_bytes(rng, count, 32)
    elif dtype == Q4_K:
        blocks = np.empty(count, [("d", "<f2"), ("min", "<f2"), ("scales", "u1", 12), ("q", "u1", 128)])
        # The minimum of each group is its scale times the mean of 0 to 15, so that the weights' mean is 0.
        blocks["d"] = DEVIATION / (4.6 * 48) * vary
        blocks["min"] = blocks["d"].astype(np.float32) * 7.5
        scales = random_bytes(rng, count, 8) % 32 + 32
        first, last = scales[:, :4], scales[:, 4:]
        high = (last >> 4) << 6
        blocks["scales"] = np.concatenate([first | high, first | high, (last & 15) | (last & 15) << 4], axis=1)
        blocks["q"] = random_bytes(rng, count, 128)
    elif dtype == Q6_K:
        blocks = np.empty(count, [("low", "u1", 128), ("high", "u1", 64), ("scales", "i1", 16), ("d", "<f2")])
        blocks["low"] = random_bytes(rng, count, 128)
        blocks["high"] = random_bytes(rng, count, 64)
        blocks["scales"] = rng.integers(16, 32, (count, 16)) * rng.choice([-1, 1], (count, 16))
        blocks["d"] = DEVIATION / (18.5 * 24) * vary
    else:
        raise ValueError(f"no blocks of {dtype.name}")
    return blocks


def tensors(variant):
    """Name, shape (rows first) and format of each tensor, in the order that they are written in."""
    _, most, finer, embedding = VARIANTS[variant]
    yield "token_embd.weight", (VOCABULARY, HIDDEN), embedding
    for layer in range(LAYERS):
        eighth = LAYERS // 8
        is_finer = layer < eighth or layer >= 7 * LAYERS // 8 or (layer - eighth) % 3 == 2
        sometimes = finer if is_finer else most
        yield f"blk.{layer}.attn_norm.weight", (HIDDEN,), F32
        yield f"blk.{layer}.ffn_down.weight", (HIDDEN, FFN), sometimes
        yield f"blk.{layer}.ffn_gate.weight", (FFN, HIDDEN), most
        yield f"blk.{layer}.ffn_up.weight", (FFN, HIDDEN), most
        yield f"blk.{layer}.ffn_norm.weight", (HIDDEN,), F32
        yield f"blk.{layer}.attn_k.weight", (KV_HEADS * HEAD_DIM, HIDDEN), most
        yield f"blk.{layer}.attn_output.weight", (HIDDEN, HEADS * HEAD_DIM), most
        yield f"blk.{layer}.attn_q.weight", (HEADS * HEAD_DIM, HIDDEN), most
        yield f"blk.{layer}.attn_v.weight", (KV_HEADS * HEAD_DIM, HIDDEN), sometimes
    yield "output_norm.weight", (HIDDEN,), F32


def data_of(shape, dtype, rng):
    if dtype == F32:
        return rng.uniform(0.8, 1.2, shape).astype(np.float32)
    block, size = gguf.GGML_QUANT_SIZES[dtype]
    blocks = blocks_of(dtype, shape[0] * shape[1] // block, rng)
    assert blocks.itemsize == size
    return blocks.view(np.uint8).reshape(shape[0], -1)


def add_metadata(writer, variant, vocabulary):
    writer.add_type("model")
    writer.add_name(f"Random 2B {variant.upper()}")
    writer.add_file_type(VARIANTS[variant][0])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_layer_norm_rms_eps(1e-6)

    pieces, scores, types = vocabulary
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def read_vocabulary(path):
    """Pieces, scores and types of the first entries of a model's vocabulary."""
    reader = gguf.GGUFReader(path)

    def first(key, convert):
        field = reader.fields[f"tokenizer.ggml.{key}"]
        return [convert(field.parts[index]) for index in field.data[:VOCABULARY]]

    scores = first("scores", lambda part: float(part[0]))
    pieces, types = first("tokens", bytes), first("token_type", lambda part: int(part[0]))
    for token, name in FILL_IN_THE_MIDDLE.items():
        pieces[token], types[token] = name, gguf.TokenType.CONTROL
    return pieces, scores, types


def write(variant, vocabulary):
    path = model_path(variant)
    fetch.note(f"writing {path}")
    partial = path.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "gemma")
    add_metadata(writer, variant, vocabulary)
    for name, shape, dtype in tensors(variant):
        block, size = gguf.GGML_QUANT_SIZES[dtype]
        count = int(np.prod(shape)) // block * size
        raw = None if dtype == F32 else dtype
        stored = shape if raw is None else (shape[0], shape[1] // block * size)
        writer.add_tensor_info(name, stored, np.dtype(np.float32 if raw is None else np.uint8), count, raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.default_rng(2)
    for _, shape, dtype in tensors(variant):
        writer.write_tensor_data(data_of(shape, dtype, rng))
    writer.close()
    # The name says that the file is complete.
    os.replace(partial, path)


def main():
    parser = argparse.ArgumentParser(description="Writes models of CodeGemma 2B's shape with random weights.")
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=f"{', '.join(VARIANTS)}; by default all")
    variants = parser.parse_args().variants or list(VARIANTS)
    unknown = [variant for variant in variants if variant not in VARIANTS]
    if unknown:
        parser.error(f"unknown variant {unknown[0]}; there are {', '.join(VARIANTS)}")
    missing = [variant for variant in variants if not model_path(variant).is_file()]
    if missing:
        source = fetch.cache_folder() / "models" / fetch.MODEL_FILE
        if not source.is_file():
            sys.exit(f"error: {source} is missing; run: python3 tests/fetch.py")
        vocabulary = read_vocabulary(source)
        for variant in missing:
            write(variant, vocabulary)
    for variant in variants:
        print(model_path(variant))


if __name__ == "__main__":
    main()
