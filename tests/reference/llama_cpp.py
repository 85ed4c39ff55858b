#!/usr/bin/env python3
"""Makes the goldens of Gemma 3 270M with llama.cpp: greedy continuations and the token ids of snippets.

    python3 -m venv venv && venv/bin/pip install xllamacpp==2026.10.11549
    venv/bin/python tests/fetch.py --tests
    venv/bin/python tests/reference/llama_cpp.py

Writes under tests/reference/golden/gemma-3-270m/

    greedy.json   {"model_sha256", "engine", "cases": [{"prompt", "prompt_ids", "continuation_ids", "logprobs"}]}:
                  64 tokens a prompt, always the most likely one; natural logarithms of their probabilities
    tokens.json   {"model_sha256", "engine", "sources", "snippets": [[file, first byte, end byte, ids]],
                  "texts": [[text, ids]]}: without a begin-of-text token, control tokens in the text not parsed

It takes about half a minute on two cores and needs Python 3.10 or newer.
"""

import json
import sys
import urllib.request
from importlib.metadata import version

import xllamacpp

import snippets
from snippets import fetch

GOLDEN = snippets.Path(__file__).resolve().parent / "golden" / "gemma-3-270m"
CONTINUATION = 64

PROMPTS = [
    'def fibonacci(n):\n    """Returns the n-th Fibonacci number."""\n',
    "import os\nimport sys\n\n\ndef read_lines(path):\n",
    "class Stack:\n    def __init__(self):\n        self.items = []\n\n    def push(self, item):\n",
    "use std::collections::HashMap;\n\npub struct Cache {\n    entries: HashMap<String, Vec<u8>>,\n}\n\nimpl Cache {\n",
    "impl Iterator for Countdown {\n    type Item = u32;\n\n    fn next(&mut self) -> Option<u32> {\n",
    'package main\n\nimport "fmt"\n\nfunc max(a, b int) int {\n',
    "#include <stdio.h>\n\nint main(int argc, char **argv) {\n    for (int i = 0; i < argc; i++) {\n",
    "#include <vector>\n\ntemplate <typename T>\nclass Matrix {\npublic:\n    Matrix(size_t rows, size_t columns)\n",
    "public class Point {\n    private final int x;\n    private final int y;\n\n    public Point(int x, int y) {\n",
    "function debounce(callback, delay) {\n  let timer = null;\n  return function (...args) {\n",
    "class Animal\n  def initialize(name)\n    @name = name\n  end\n\n",
    "<!DOCTYPE html>\n<html>\n<head>\n  <title>A list</title>\n</head>\n<body>\n  <ul>\n",
    "CREATE TABLE customers (\n    id INTEGER PRIMARY KEY,\n",
    "#!/bin/sh\nset -eu\n\nfor file in *.txt; do\n",
    "body {\n  margin: 0;\n  font-family: sans-serif;\n}\n\nh1 {\n",
    '{\n  "name": "example",\n  "version": "1.0.0",\n  "scripts": {\n',
    "The history of the bicycle begins in the early nineteenth century, when",
    "# Installation\n\nThis library needs Python 3.9 or newer. To install it, run\n",
    "Es war einmal ein kleines M\u00e4dchen, das",
    "The three most important things to know about the sea are that it is",
]  # fmt: skip


class LlamaCpp:
    """The server inside xllamacpp, spoken to over HTTP on this machine."""

    def __init__(self, model):
        settings = xllamacpp.CommonParams()
        settings.model.path = str(model)
        settings.n_ctx = 1024
        settings.n_parallel = 1
        settings.n_gpu_layers = 0
        self.server = xllamacpp.Server(settings)

    def ask(self, path, body):
        request = urllib.request.Request(
            self.server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def tokens(self, text, begin=False):
        body = {"content": text, "add_special": begin, "parse_special": False}
        return self.ask("/tokenize", body)["tokens"]

    def greedy(self, prompt):
        ids = self.tokens(prompt, begin=True)
        answer = self.ask(
            "/completion",
            {
                "prompt": ids,
                "n_predict": CONTINUATION,
                # The one sampler that runs keeps the most likely token alone: no penalty, no threshold, no chance.
                "samplers": ["top_k"],
                "top_k": 1,
                "temperature": 0,
                "repeat_penalty": 1.0,
                "n_probs": 2,
                "cache_prompt": False,
                "return_tokens": True,
            },
        )
        steps = answer["completion_probabilities"]
        continuation = answer["tokens"]
        length = len(continuation)
        assert length == CONTINUATION, f"{prompt!r} ends after {length} tokens; take another prompt"
        assert [step["id"] for step in steps] == continuation
        assert all(step["id"] == step["top_logprobs"][0]["id"] for step in steps), f"{prompt!r}: not greedy"
        return {
            "prompt": prompt,
            "prompt_ids": ids,
            "continuation_ids": continuation,
            "logprobs": [round(step["logprob"], 4) for step in steps],
        }


def main():
    model = fetch.cache_folder() / "models" / fetch.MODEL_FILE
    if not fetch.is_there(model, fetch.MODEL_SHA256):
        sys.exit(f"error: {model} is missing; run: python3 tests/fetch.py --tests")
    about = {"model_sha256": fetch.MODEL_SHA256, "engine": f"llama.cpp via xllamacpp {version('xllamacpp')}"}
    engine = LlamaCpp(model)

    cases = [snippets.dump(engine.greedy(prompt)) for prompt in PROMPTS]
    body = snippets.dump(about)[:-1] + ',"cases":[\n' + ",\n".join(cases) + "]}\n"
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / "greedy.json").write_text(body, encoding="utf-8", newline="\n")
    print(f"{GOLDEN / 'greedy.json'}: {len(cases)} prompts, {len(body)} bytes")

    snippets.write_goldens(GOLDEN / "tokens.json", about, engine.tokens)


if __name__ == "__main__":
    main()
