"""Writes a trained Gemma folder as the GGUF that is shipped: matrices in Q8_0, the rest in F32.

    python3 export.py FOLDER OUT.gguf

FOLDER holds config.json, model.safetensors and tokenizer.json, as train.py leaves them.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy
from safetensors.numpy import load_file

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name):
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def piece_type(piece, control):
    if piece == "<unk>":
        return gguf.TokenType.UNKNOWN
    if piece in control:
        return gguf.TokenType.CONTROL
    if piece.startswith("<0x") and len(piece) == 6:
        return gguf.TokenType.BYTE
    return gguf.TokenType.NORMAL


def export(folder, out):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    pieces = sorted(vocabulary, key=vocabulary.get)
    control = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    rope = config.get("rope_parameters") or config

    writer = gguf.GGUFWriter(out, "gemma")
    writer.add_name("codegemma-starter")
    writer.add_license("apache-2.0")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)

    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    # What is learned earlier is merged earlier.
    writer.add_token_scores([-float(place) for place in range(len(pieces))])
    writer.add_token_types([piece_type(piece, control) for piece in pieces])
    writer.add_pad_token_id(control["<pad>"])
    writer.add_eos_token_id(control["<eos>"])
    writer.add_bos_token_id(control["<bos>"])
    writer.add_unk_token_id(control["<unk>"])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    for role, piece in (("pre", "prefix"), ("mid", "middle"), ("suf", "suffix")):
        writer.add_uint32(f"tokenizer.ggml.fim_{role}_token_id", control[f"<|fim_{piece}|>"])
    writer.add_uint32("tokenizer.ggml.fim_sep_token_id", control["<|file_separator|>"])

    for name, weights in load_file(folder / "model.safetensors").items():
        if name == "lm_head.weight":
            continue  # it is the embedding
        weights = weights.astype(numpy.float32)
        if weights.ndim == 1:
            writer.add_tensor(gguf_name(name), weights + 1)  # GGUF folds in the 1 that Gemma adds to a norm's weight
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(gguf_name(name), gguf.quantize(weights, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    export(Path(sys.argv[1]), Path(sys.argv[2]))
