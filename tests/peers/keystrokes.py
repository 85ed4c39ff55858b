#!/usr/bin/env python3
"""Types the same keys into this server and into llama.cpp's, and compares how long the first token takes.

    cargo build --release
    python3 -m venv venv && venv/bin/pip install xllamacpp==2026.10.11549 gguf==0.19.0 numpy
    python3 tests/fetch.py && venv/bin/python tests/peers/make_2b.py q4_k_m
    venv/bin/python tests/peers/keystrokes.py [--model FILE] [--threads N] [--json FILE]

The document has about 1,500 tokens, about 300 of them below the cursor. The keys are those of a line, a line break, a
bracket that the editor pairs, and an accepted suggestion. This server is driven by `codegemma-complete bench --typing`;
llama.cpp's is asked as llama.vim asks it: `/infill` with what stands above the cursor's line as the prefix, the line up
to the cursor as the prompt, and the prompt cache on. What is compared is the time from the request to the first token.
Nothing else may run meanwhile. It takes about five minutes on two cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "typing")]
import built  # noqa: E402
import fetch  # noqa: E402  (found only with the line above)
from make_traces import Editor  # noqa: E402

TEXT = ROOT / "model" / "src" / "sequence.rs"
# Bytes above and below the cursor.
ABOVE, BELOW = 5200, 1250
KEYS = [("key", "  n ="), ("line break", "\n"), ("key", "  a"), ("bracket", "()"), ("key", "b")]
ACCEPTED = "self.held.iter().filter(|held| held.tokens.len() > 4).count()"


def trace():
    """What each key is, and an editor that has typed them; the first request is the one that reads everything."""
    text = TEXT.read_text(encoding="utf-8")
    above = text[: text.rfind("\n", 0, ABOVE) + 1]
    below = text[len(above) :][: BELOW]
    editor = Editor(0)
    uri = editor.open(TEXT, above + below)
    at = len(above)
    editor.move(uri, at)
    kinds = ["first"]
    for kind, keys in KEYS:
        typed = [keys] if kind == "bracket" else keys
        for key in typed:
            editor.replace(uri, at, at, key, at + 1)
            kinds.append(kind)
            at += 1
    at += 1
    editor.replace(uri, at, at, ACCEPTED, at + len(ACCEPTED))
    kinds.append("accepted")
    at += len(ACCEPTED)
    editor.replace(uri, at, at, ".", at + 1)
    return [*kinds, "key"], editor


def documents(editor):
    """The text before and after the cursor at each request."""
    text = None
    for line in editor.lines:
        params = line.get("params", {})
        if line.get("method") == "textDocument/didOpen":
            text = params["textDocument"]["text"]
        for change in params.get("contentChanges", []):
            start, end = (offset(text, change["range"][side]) for side in ("start", "end"))
            text = text[:start] + change["text"] + text[end:]
        if "cursor" in line:
            at = offset(text, line["cursor"])
            yield text[:at], text[at:]


def offset(text, place):
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: place["line"]]) + place["character"]


def ours(binary, model, threads, editor):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.jsonl"
        editor.save(path)
        # The first request reads everything, so that what is compared are keys typed after that.
        settings = Path(folder) / "settings.toml"
        settings.write_text("firstTokenMs = 60000\ndeadlineMs = 600000\n", encoding="utf-8")
        command = [binary, "bench", "--typing", path, "--fast", "--json"]
        command += ["--model", model, "--threads", str(threads)]
        environment = {**os.environ, "CODEGEMMA_CONFIG": str(settings)}
        result = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    return [(told["queue_ms"] + told["prefill_ms"], told["forwarded_tokens"]) for told in json.loads(result.stdout)["each"]]


def theirs(model, threads, editor):
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.n_ctx = 4096
    settings.n_parallel = 1
    settings.n_gpu_layers = 0
    settings.cpuparams.n_threads = threads
    settings.cpuparams_batch.n_threads = threads
    settings.n_cache_reuse = 256
    settings.fit_params = False
    settings.verbosity = -1
    server = xllamacpp.Server(settings)
    for before, after in documents(editor):
        prefix, line = before[: before.rfind("\n") + 1], before[before.rfind("\n") + 1 :]
        body = {
            "input_prefix": prefix,
            "prompt": line,
            "input_suffix": after,
            "n_predict": 1,
            "samplers": ["top_k"],
            "top_k": 1,
            "temperature": 0,
            "cache_prompt": True,
        }
        url = server.listening_address + "/infill"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        begin = time.perf_counter()
        with urllib.request.urlopen(request) as answer:
            timings = json.load(answer)["timings"]
        yield (time.perf_counter() - begin) * 1000, timings["prompt_n"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", metavar="FILE", type=Path)
    parser.add_argument("--binary", metavar="FILE", type=Path, help="codegemma-complete")
    parser.add_argument("--threads", metavar="N", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every measurement to this file")
    options = parser.parse_args()
    model = options.model or fetch.cache_folder() / "models" / "random-2b-q4_k_m.gguf"
    binary = options.binary or built.program("codegemma-complete")
    for path in (binary, model):
        if not path.is_file():
            sys.exit(f"error: {path} is missing; the first lines of {Path(__file__).name} say how to get it")
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        fetch.note(f"warning: the machine is busy (load {os.getloadavg()[0]:.1f}); the ratios will mean nothing")
    kinds, editor = trace()
    rows = list(zip(kinds, ours(binary, model, options.threads, editor), theirs(model, options.threads, editor)))
    print("| key | times | ours, ms | tokens read | llama.cpp, ms | tokens read | ours / llama.cpp |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for kind in dict.fromkeys(kinds):
        of_kind = [(mine, other) for found, mine, other in rows if found == kind]
        (my_ms, my_tokens), (their_ms, their_tokens) = (map(median, zip(*side)) for side in zip(*of_kind))
        ratio = median(mine[0] / other[0] for mine, other in of_kind)
        print(f"| {kind} | {len(of_kind)} | {my_ms:.0f} | {my_tokens:.0f} | {their_ms:.0f} | {their_tokens:.0f} | {ratio:.3f} |")
    if options.json:
        options.json.write_text(json.dumps(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
