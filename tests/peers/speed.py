#!/usr/bin/env python3
"""Measures this engine and llama.cpp in turn on the same files, and prints how they compare.

    cargo build --release
    python3 -m venv venv && venv/bin/pip install xllamacpp==2026.10.11549 gguf==0.19.0 numpy
    python3 tests/fetch.py && venv/bin/python tests/peers/make_2b.py
    venv/bin/python tests/peers/speed.py [--models FILE...] [--threads N] [--reps R] [--json FILE]

Each repetition runs this engine, then llama.cpp, each in a process of its own, with the same model, threads, prompt
tokens and number of decoded tokens, after a warm-up on the same prompt. The table shows medians, and the median of the
ratios of each pair. Nothing else may run meanwhile: the threads of llama.cpp wait by spinning, and beside other work
its figures fall to a fraction. A repetition of all four models takes about five minutes on two cores.

llama.cpp runs as it does best for this: repacked weights, flash attention where it chooses it, no prompt cache, no
checkpoints of the context, no fitting to a GPU, and no warm-up of its own, so that its first token is not late. What
the Python interpreter took before llama.cpp was loaded is not counted as its memory.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import built  # noqa: E402
import fetch  # noqa: E402  (found only with the line above)

MODELS = [fetch.MODEL_FILE, "random-2b-q4_k_m.gguf", "random-2b-q4_0.gguf", "random-2b-q8_0.gguf"]

# What both are measured in: the key and its title.
COMPARED = [
    ("prefill_tps", "prefill, tokens/s"),
    ("decode_tps", "decode after it, tokens/s"),
    ("peak_rss_mib", "peak memory, MiB"),
    ("first_token_ms", "load to first token, ms"),
]


def prompt(length):
    """The prompt of `codegemma-complete bench`: a begin-of-text token and tokens from all over the vocabulary."""
    return [2, *(1000 + index * 7919 % 30_000 for index in range(length - 1))]


def memory_mib(field):
    """A figure of this process, from Linux's /proc; None elsewhere."""
    try:
        found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None


def measure_llama_cpp(model, threads, prefill, decode):
    """Runs in a process of its own."""
    before = memory_mib("VmRSS")
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.n_ctx = prefill + decode + 64
    settings.n_parallel = 1
    settings.n_gpu_layers = 0
    settings.cpuparams.n_threads = threads
    settings.cpuparams_batch.n_threads = threads
    settings.warmup = False
    settings.fit_params = False
    settings.cache_ram_mib = 0
    settings.n_ctx_checkpoints = 0
    settings.verbosity = -1

    begin = time.perf_counter()
    server = xllamacpp.Server(settings)

    def complete(tokens, count):
        body = {
            "prompt": tokens,
            "n_predict": count,
            # The one sampler that runs keeps the most likely token alone.
            "samplers": ["top_k"],
            "top_k": 1,
            "temperature": 0,
            "cache_prompt": False,
            "ignore_eos": True,
        }
        url = server.listening_address + "/completion"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["timings"]

    complete([2], 1)
    first_token = time.perf_counter() - begin
    complete(prompt(prefill), 2)
    # The first token comes with the prompt; the clock of decoding starts after it.
    timings = complete(prompt(prefill), decode + 1)
    assert (timings["prompt_n"], timings["predicted_n"]) == (prefill, decode + 1), timings
    peak = memory_mib("VmHWM")
    return {
        "prefill_tps": prefill / timings["prompt_ms"] * 1000,
        "decode_tps": decode / timings["predicted_ms"] * 1000,
        "peak_rss_mib": None if peak is None else peak - before,
        "first_token_ms": first_token * 1000,
    }


def answer_of(command):
    """The last line that a command prints, as JSON."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if result.returncode != 0:
        sys.exit(f"error: {' '.join(command)}: {result.stderr.decode('utf-8', 'replace').strip()[-2000:]}")
    return json.loads(result.stdout.decode().strip().splitlines()[-1])


def measure_pair(model, options):
    counts = [str(options.threads), str(options.prefill), str(options.decode)]
    named = [part for pair in zip(("--threads", "--prefill", "--decode"), counts) for part in pair]
    ours = answer_of([str(options.binary), "bench", "--no-config", "--json", "--reps", "1", "--model", str(model), *named])
    theirs = answer_of([sys.executable, __file__, "--llama-cpp", str(model), *named])
    return {"ours": ours, "llama_cpp": theirs}


def summary(pairs):
    """Medians of both and of the ratios of each pair, by row of the table."""
    rows = {}
    for key, title in COMPARED:
        both = [(pair["ours"][key], pair["llama_cpp"][key]) for pair in pairs]
        if all(None not in values for values in both):
            ours, theirs = map(median, zip(*both))
            rows[title] = {"ours": ours, "llama_cpp": theirs, "ratio": median(a / b for a, b in both)}
    for count in ("4", "8"):
        ratios = [pair["ours"]["rows_ms"][count] / pair["ours"]["rows_ms"]["1"] for pair in pairs]
        rows[f"time of {count} rows / 1 row"] = {"ours": median(ratios), "llama_cpp": None, "ratio": None}
    shares = [pair["ours"]["decode_gb_per_s"] / pair["ours"]["memory_gb_per_s"] for pair in pairs]
    rows["decode / memory bandwidth"] = {"ours": median(shares), "llama_cpp": None, "ratio": None}
    return rows


def table(results):
    def cell(value):
        return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}"

    lines = ["| model | measured | ours | llama.cpp | ours / llama.cpp |", "|---|---|--:|--:|--:|"]
    for model, rows in results.items():
        for title, row in rows.items():
            lines.append(f"| {model} | {title} | {' | '.join(map(cell, row.values()))} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Measures this engine and llama.cpp in turn on the same files.")
    parser.add_argument("--models", nargs="+", metavar="FILE", type=Path, help="GGUF files; by default 270M and 2B")
    parser.add_argument("--binary", metavar="FILE", type=Path, default=built.program("codegemma-complete"), help="codegemma-complete")
    parser.add_argument("--threads", metavar="N", type=int, default=2)
    parser.add_argument("--prefill", metavar="N", type=int, default=512)
    parser.add_argument("--decode", metavar="N", type=int, default=64)
    parser.add_argument("--reps", metavar="R", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every measurement to this file")
    # How this script calls itself for the one process that runs llama.cpp.
    parser.add_argument("--llama-cpp", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.llama_cpp:
        found = measure_llama_cpp(options.llama_cpp, options.threads, options.prefill, options.decode)
        return print("\n" + json.dumps(found))

    models = options.models or [fetch.cache_folder() / "models" / name for name in MODELS]
    for path in [options.binary, *models]:
        if not path.is_file():
            sys.exit(f"error: {path} is missing; the first lines of {Path(__file__).name} say how to get it")
    fetch.note(f"ours is {options.binary}; {options.threads} threads, {options.reps} repetitions")
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        fetch.note(f"warning: the machine is busy (load {os.getloadavg()[0]:.1f}); the ratios will mean nothing")
    measured, results = {}, {}
    for model in models:
        pairs = measured[model.name] = []
        for repetition in range(options.reps):
            pairs.append(measure_pair(model, options))
            fetch.note(f"{model.name} {repetition + 1}/{options.reps}: {json.dumps(pairs[-1])}")
        results[model.name] = summary(pairs)
    print(table(results))
    if options.json:
        about = {name: getattr(options, name) for name in ("threads", "prefill", "decode", "reps")}
        content = {**about, "binary": str(options.binary), "summary": results, "measured": measured}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
