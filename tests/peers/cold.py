#!/usr/bin/env python3
"""How long the first suggestion takes in a file that was just opened, and how typing goes from there.

    cargo build --release
    python3 -m venv venv && venv/bin/pip install xllamacpp==2026.10.11549 gguf==0.19.0 numpy
    python3 tests/fetch.py && venv/bin/python tests/peers/make_2b.py q4_k_m
    venv/bin/python tests/peers/cold.py [--model FILE] [--threads N] [--places N] [--without-peer] [--typing SECONDS]

For each place a server is started anew, waits until the model is loaded, and is told of a file of 300 lines and asked at
once for a suggestion of one token; what counts is the time from the request to the answer. llama.cpp's is asked for the same
(`/infill`, one token). Then somebody types for a while in a file that was just opened, a key every 150 ms with a pause now
and then: how many keys got nothing because the deadline had passed, how much the model was shown after 5 and 10 seconds, and
when it was all, beside the time that reading all alone takes.

Nothing else may run meanwhile.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "waits")]
import built  # noqa: E402
import fetch  # noqa: E402  (found only with the line above)
import measure  # noqa: E402

LINES = 300
FILES = ["model/src/decoder.rs", "model/src/sampler.rs", "server/src/config/layer.rs", "tests/waits/measure.py", "server/src/session.rs"]
KEY = 0.15
LOOK = 0.5
TYPED = "let first = held.iter().map(|one| one.len()).max();\n    "


def places(count):
    """Texts of so many lines, and the lines at whose ends there is a cursor."""
    for number in range(count):
        text = (ROOT / FILES[number % len(FILES)]).read_text(encoding="utf-8").splitlines()
        while len(text) < LINES:
            text += text
        line = LINES * (45 + 5 * (number // len(FILES)) + 3 * (number % len(FILES))) // 100
        yield FILES[number % len(FILES)], text[:LINES], line


class Server(measure.Client):
    """A server with a model that is loaded, in a workspace of its own."""

    def __init__(self, model, threads, **settings):
        self.folder = tempfile.TemporaryDirectory()
        command = [str(built.program("codegemma-lsp")), "--model", str(model), "--threads", str(threads), "--log-level", "error"]
        super().__init__(command, None)
        folder = Path(self.folder.name).as_uri()
        settings = {"confidence": 0, **settings}
        self.when(self.request("initialize", {"processId": None, "rootUri": folder, "capabilities": {}, "initializationOptions": settings}))
        self.notify("initialized", {})
        self.wait_for(lambda params: params["state"] == "ready")

    def reading(self, line, column):
        """How far the reading of what stands around the cursor is."""
        place = {"uri": self.uri, "position": measure.at(line, column)}
        number = self.request("workspace/executeCommand", {"command": "codegemma.explain", "arguments": [place]})
        self.when(number)
        return self.results.pop(number).get("reading") or {}

    def wait_for(self, wanted):
        while True:
            note = self.notes.get(timeout=120)
            if note["method"] == "codegemma/status" and wanted(note["params"]):
                return note["params"]

    def open(self, name, lines):
        self.uri, self.version = (Path(self.folder.name) / name).as_uri(), 1
        language = "python" if name.endswith(".py") else "rust"
        document = {"uri": self.uri, "languageId": language, "version": 1, "text": "\n".join(lines)}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def type(self, line, column, text):
        self.version += 1
        where = {"start": measure.at(line, column), "end": measure.at(line, column)}
        document = {"uri": self.uri, "version": self.version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"range": where, "text": text}]})

    def ask(self, line, column):
        params = {"textDocument": {"uri": self.uri}, "position": measure.at(line, column), "context": {"triggerKind": 1}}
        return self.request("textDocument/inlineCompletion", params)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def ours(model, threads, count):
    """The time to the first token at each place, and what was read for it."""
    for name, lines, line in places(count):
        server = Server(model, threads, maxTokens=1)
        server.open(name, lines)
        begin = time.perf_counter()
        took = server.when(server.ask(line, len(lines[line]))) - begin
        told = server.wait_for(lambda params: "lastRequest" in params)["lastRequest"]
        server.end()
        yield took * 1000, told


def theirs(model, threads, count):
    import xllamacpp

    for _, lines, line in places(count):
        settings = xllamacpp.CommonParams()
        settings.model.path = str(model)
        settings.n_ctx = 8192
        settings.n_parallel = 1
        settings.n_gpu_layers = 0
        settings.cpuparams.n_threads = threads
        settings.cpuparams_batch.n_threads = threads
        settings.fit_params = False
        settings.verbosity = -1
        server = xllamacpp.Server(settings)
        prefix = "\n".join(lines[:line]) + "\n"
        body = {"input_prefix": prefix, "prompt": lines[line], "input_suffix": "\n" + "\n".join(lines[line + 1 :]), "n_predict": 1, "cache_prompt": True}
        request = urllib.request.Request(server.listening_address + "/infill", json.dumps(body).encode(), {"Content-Type": "application/json"})
        begin = time.perf_counter()
        with urllib.request.urlopen(request) as answer:
            answer.read()
        yield (time.perf_counter() - begin) * 1000


def alone(model, threads, name, lines, line):
    """How long reading the whole prompt takes that is used in the end, in seconds."""
    server = Server(model, threads, maxTokens=1, firstTokenMs=60_000, deadlineMs=600_000)
    server.open(name, lines)
    begin = time.perf_counter()
    server.when(server.ask(line, len(lines[line])))
    took = time.perf_counter() - begin
    told = server.wait_for(lambda params: "lastRequest" in params)["lastRequest"]
    server.end()
    return took, told["prompt_tokens"]


def typing(model, threads, seconds):
    name, lines, line = next(places(1))
    reading, whole = alone(model, threads, name, lines, line)
    print(f"reading the whole prompt alone: {whole} tokens in {reading:.1f} s")
    server = Server(model, threads)
    server.open(name, lines)
    column, typed, begin = len(lines[line]), 0, time.perf_counter()
    shown, late, answered, current, looked = {}, 0, 0, None, 0.0
    while time.perf_counter() - begin < seconds:
        text = TYPED[typed % len(TYPED)]
        server.type(line, column, text)
        line, column = (line + 1, 0) if text == "\n" else (line, column + 1)
        typed += 1
        server.ask(line, column)
        time.sleep(KEY if typed % 40 else 1.0)
        # Asking takes time of the server's, too.
        if time.perf_counter() - begin < looked + LOOK:
            continue
        told = server.reading(line, column)
        looked = now = time.perf_counter() - begin
        for mark in (5, 10):
            if now >= mark:
                shown.setdefault(mark, told.get("window_tokens"))
        if told.get("window") == "whole" and told["whole_tokens"] > 0 and current is None:
            current, tokens = now, told["whole_tokens"]
    while not server.notes.empty():
        note = server.notes.get()
        told = note["params"].get("lastRequest") if note["method"] == "codegemma/status" else None
        if told and told["source"] == "model":
            answered += 1
            late += told["reason"] == "deadline"
    server.end()
    print(f"{typed} keys, {answered} answered by the model, {late} of them with nothing at the deadline")
    print(f"shown after 5 s: {shown.get(5)} tokens, after 10 s: {shown.get(10)}")
    print("the whole was not reached" if current is None else f"the whole ({tokens} tokens) was current after {current:.1f} s, {current / reading:.2f} times as long as alone")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", metavar="FILE", type=Path)
    parser.add_argument("--threads", metavar="N", type=int, default=2)
    parser.add_argument("--places", metavar="N", type=int, default=10)
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument("--typing", metavar="SECONDS", type=float, default=60)
    options = parser.parse_args()
    model = options.model or fetch.cache_folder() / "models" / "random-2b-q4_k_m.gguf"
    if options.places:
        took = list(ours(model, options.threads, options.places))
        times = [time for time, _ in took]
        read = [told["prompt_tokens"] for _, told in took]
        print(f"first token: median {statistics.median(times):.0f} ms, longest {max(times):.0f} ms, {statistics.median(read):.0f} tokens read")
        if not options.without_peer:
            other = list(theirs(model, options.threads, options.places))
            ratios = [mine / their for mine, their in zip(times, other)]
            print(f"llama.cpp: median {statistics.median(other):.0f} ms; ours is {statistics.median(ratios):.3f} of it")
    if options.typing:
        typing(model, options.threads, options.typing)


if __name__ == "__main__":
    main()
