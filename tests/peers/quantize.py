#!/usr/bin/env python3
"""Our quantized files beside llama.cpp's, made from the same source: perplexity on real code, and whether llama.cpp goes on
with ours as our engine does.

    cargo build --release
    python3 -m venv venv && venv/bin/pip install numpy
    python3 tests/fetch.py
    npm pack @node-llama-cpp/linux-x64@3.22.1 && tar xzf node-llama-cpp-linux-x64-3.22.1.tgz
    venv/bin/python tests/peers/quantize.py --library package/bins/linux-x64 [--types Q4_K_M Q8_0] [--windows N] [--program FILE]

The source is Gemma 3 270M as tests/fetch.py fetches it, made F16 by `codegemma-complete model quantize`. From it both
programs make a file of each type. llama.cpp's library computes the perplexity of each on the same windows of this repository's
own sources. Then our engine continues some of their beginnings greedily, and llama.cpp reads the same tokens from our file: a
step agrees where its most likely token is the one that our engine wrote.

The bar: perplexity within 1 % of that of llama.cpp's file, and at least 95 % of steps that agree; less is an error.
"""

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]
import built  # noqa: E402
import fetch  # noqa: E402  (found only with the line above)

FILES = ["model/src/decoder.rs", "model/src/sampler.rs", "server/src/config/layer.rs", "tests/waits/measure.py", "server/src/session.rs"]
WINDOW = 384
BATCH = 128
SKIPPED = 32
PROMPT = 600
STEPS = 48
FILE_TYPES = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18}


class Opaque(ctypes.Structure):
    """Parameters that are passed by value, with more room than any version of them needs."""

    _fields_ = [("numbers", ctypes.c_uint32 * 256)]


class Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


class Peer:
    """llama.cpp's library."""

    def __init__(self, folder):
        def load(name):
            path = next(path for path in sorted(folder.glob(f"{name}*.so")))
            return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)

        load("libggml-base")
        backends = load("libggml.")
        self.llama = load("libllama.")
        backends.ggml_backend_load_all_from_path(str(folder).encode())
        self.llama.llama_backend_init()
        for name in ("llama_model_default_params", "llama_context_default_params", "llama_model_quantize_default_params"):
            getattr(self.llama, name).restype = Opaque
        for name in ("llama_model_load_from_file", "llama_init_from_model", "llama_model_get_vocab", "llama_get_memory"):
            getattr(self.llama, name).restype = ctypes.c_void_p
        self.llama.llama_batch_init.restype = Batch
        self.llama.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
        quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
        self.quiet = quiet(lambda *_: None)
        self.llama.llama_log_set(self.quiet, None)

    def quantize(self, source, out, kind, threads):
        params = self.llama.llama_model_quantize_default_params()
        params.numbers[0], params.numbers[1] = threads, FILE_TYPES[kind]
        if self.llama.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(params)):
            sys.exit(f"llama.cpp could not quantize {source}")

    def open(self, path, threads):
        model = self.llama.llama_model_load_from_file(str(path).encode(), self.llama.llama_model_default_params())
        if not model:
            sys.exit(f"llama.cpp does not load {path}")
        params = self.llama.llama_context_default_params()
        if list(params.numbers[:3]) != [512, 2048, 512]:
            sys.exit("this version of the library has other parameters of a context")
        params.numbers[0] = 2 * WINDOW + PROMPT
        threads_at = next(at for at in range(3, 12) if params.numbers[at] == params.numbers[at + 1] == 4)
        params.numbers[threads_at] = params.numbers[threads_at + 1] = threads
        context = self.llama.llama_init_from_model(ctypes.c_void_p(model), params)
        vocabulary = self.llama.llama_vocab_n_tokens(ctypes.c_void_p(self.llama.llama_model_get_vocab(ctypes.c_void_p(model))))
        return model, context, vocabulary

    def logits(self, opened, tokens):
        """The logits after each token of a new sequence, some rows at a time."""
        _, context, vocabulary = opened
        context = ctypes.c_void_p(context)
        memory = self.llama.llama_get_memory(context)
        self.llama.llama_memory_clear(ctypes.c_void_p(memory), ctypes.c_bool(True))
        batch = self.llama.llama_batch_init(BATCH, 0, 1)
        for begin in range(0, len(tokens), BATCH):
            part = tokens[begin : begin + BATCH]
            batch.n_tokens = len(part)
            for at, token in enumerate(part):
                batch.token[at], batch.pos[at] = token, begin + at
                batch.n_seq_id[at], batch.seq_id[at][0], batch.logits[at] = 1, 0, 1
            if self.llama.llama_decode(context, batch):
                sys.exit("llama.cpp failed")
            rows = [numpy.ctypeslib.as_array(self.llama.llama_get_logits_ith(context, at), (vocabulary,)) for at in range(len(part))]
            yield begin, numpy.stack(rows)

    def close(self, opened):
        self.llama.llama_free(ctypes.c_void_p(opened[1]))
        self.llama.llama_model_free(ctypes.c_void_p(opened[0]))

    def perplexity(self, path, windows, threads):
        opened, total, count = self.open(path, threads), 0.0, 0
        for tokens in windows:
            for begin, rows in self.logits(opened, tokens):
                for at, row in enumerate(rows):
                    next_at = begin + at + 1
                    if SKIPPED <= next_at < len(tokens):
                        most = row.max()
                        total -= row[tokens[next_at]] - most - numpy.log(numpy.exp(row - most).sum(dtype=numpy.float64))
                        count += 1
        self.close(opened)
        return float(numpy.exp(total / count)), count

    def agreement(self, path, continued, threads):
        opened, same, steps = self.open(path, threads), 0, 0
        for prompt, written in continued:
            tokens = prompt + written
            for begin, rows in self.logits(opened, tokens):
                for at, row in enumerate(rows):
                    next_at = begin + at + 1
                    if len(prompt) <= next_at < len(tokens):
                        same += int(row.argmax()) == tokens[next_at]
                        steps += 1
        self.close(opened)
        return same, steps


def run(program, *arguments, text=None):
    done = subprocess.run([str(program), *map(str, arguments)], input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


def windows(program, model, count):
    """Pieces of this repository's sources as tokens, each after a begin-of-text token."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in FILES]
    ids = [json.loads(run(program, "tokens", "-", "--json", "--model", model, text=text))["ids"] for text in texts]
    for number in range(count):
        tokens = ids[number % len(ids)]
        begin = (number // len(ids)) * WINDOW
        yield [2, *tokens[begin : begin + WINDOW]]


def continued(program, model, count):
    """Prompts and what our engine writes after them, as tokens."""
    for number in range(count):
        text = (ROOT / FILES[number % len(FILES)]).read_text(encoding="utf-8")
        begin = 1500 + 700 * (number // len(FILES))
        told = json.loads(run(program, "raw", "--prompt-file", "-", "-n", STEPS, "--json", "--model", model, text=text[begin : begin + PROMPT]))
        yield told["prompt_tokens"], told["tokens"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--library", metavar="FOLDER", type=Path, required=True)
    parser.add_argument("--types", nargs="+", default=["Q4_K_M", "Q8_0"], choices=list(FILE_TYPES))
    parser.add_argument("--windows", metavar="N", type=int, default=10)
    parser.add_argument("--prompts", metavar="N", type=int, default=10)
    parser.add_argument("--threads", metavar="N", type=int, default=2)
    parser.add_argument("--program", metavar="FILE", type=Path)
    options = parser.parse_args()
    program = options.program or built.program("codegemma-complete")
    peer = Peer(options.library.resolve())
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.gguf"
        print(run(program, "model", "quantize", fetch.cache_folder() / "models" / "gemma-3-270m-q4_k_m.gguf", source, "--type", "F16").strip())
        real = list(windows(program, source, options.windows))
        of_source, count = peer.perplexity(source, real, options.threads)
        print(f"F16: perplexity {of_source:.4f} over {count} tokens")
        for kind in options.types:
            ours, theirs = (Path(folder) / f"{name}-{kind}.gguf" for name in ("ours", "theirs"))
            print(run(program, "model", "quantize", source, ours, "--type", kind).strip().split(": ", 1)[1])
            peer.quantize(source, theirs, kind, options.threads)
            (mine, _), (their, _) = (peer.perplexity(path, real, options.threads) for path in (ours, theirs))
            same, steps = peer.agreement(ours, list(continued(program, ours, options.prompts)), options.threads)
            missed |= mine > 1.01 * their or same < 0.95 * steps
            sizes = f"{ours.stat().st_size} and {theirs.stat().st_size} bytes"
            print(f"{kind}: perplexity {mine:.4f}, llama.cpp's {their:.4f}, ratio {mine / their:.4f}; {same} of {steps} steps agree ({same / steps:.1%}); {sizes}")
    if missed:
        sys.exit("the bar is not met")


if __name__ == "__main__":
    main()
