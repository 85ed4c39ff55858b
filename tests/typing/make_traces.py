#!/usr/bin/env python3
"""Makes traces of typing for `codegemma-complete bench --typing TRACE`: what an editor sends while somebody writes code.

    python3 tests/typing/make_traces.py OUT FILE [FILE...] [--keys N] [--seed S]
    python3 tests/typing/make_traces.py OUT --history FILE [--keys N] [--seed S]

From the first FILE come `top.jsonl` (typed from its beginning), `middle.jsonl` (a stretch in its middle is cut out and
typed again), `corrections.jsonl` (the same with slips that are erased) and `accepted.jsonl` (the same, where the rest of
a line sometimes comes at once, as an accepted suggestion does); with more files `jumps.jsonl`, which types a line here
and a line there. `history.jsonl` types what the commits of this repository added to a file. Brackets are paired as
editors do: the closing one comes with the opening one and is typed over.

A line of a trace is `{"ms": …, "method": …, "params": …, "cursor": {"uri": …, "line": …, "character": …}}`.
"""

import argparse
import difflib
import json
import random
import subprocess
from pathlib import Path

LANGUAGES = {".rs": "rust", ".py": "python", ".js": "javascript", ".ts": "typescript", ".go": "go", ".c": "c", ".h": "c"}
PAIRS = {"(": ")", "[": "]", "{": "}"}
# Milliseconds between two keys, the median, and after a line.
KEY_MS, LINE_MS = 140, 500


class Editor:
    """Documents, and the trace of what happens to them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.texts, self.versions, self.lines = {}, {}, []
        self.now, self.keys = 0, 0

    def pause(self, median):
        self.now += round(median * self.random.lognormvariate(0, 0.4))

    def place(self, uri, offset):
        """A place as the protocol counts it: lines, and UTF-16 code units in the line."""
        before = self.texts[uri][:offset]
        line = before.rsplit("\n", 1)[-1]
        return {"line": before.count("\n"), "character": len(line.encode("utf-16-le")) // 2}

    def write(self, method, params, cursor=None):
        line = {"ms": self.now, "method": f"textDocument/{method}", "params": params}
        self.lines.append(line | ({"cursor": cursor} if cursor else {}))

    def open(self, path, text):
        uri = f"file:///project/{path.name}"
        self.texts[uri], self.versions[uri] = text, 1
        language = LANGUAGES.get(path.suffix, "plaintext")
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.write("didOpen", {"textDocument": document})
        return uri

    def replace(self, uri, start, end, text, cursor, median=KEY_MS):
        """One edit, after which the cursor stands at an offset."""
        self.pause(median)
        self.keys += 1
        places = {"start": self.place(uri, start), "end": self.place(uri, end)}
        self.texts[uri] = self.texts[uri][:start] + text + self.texts[uri][end:]
        self.versions[uri] += 1
        change = {"range": places, "text": text}
        params = {"textDocument": {"uri": uri, "version": self.versions[uri]}, "contentChanges": [change]}
        self.write("didChange", params, {"uri": uri} | self.place(uri, cursor))

    def move(self, uri, offset):
        """The cursor goes somewhere without an edit."""
        self.pause(KEY_MS)
        self.keys += 1
        self.lines.append({"ms": self.now, "cursor": {"uri": uri} | self.place(uri, offset)})

    def type(self, uri, offset, text, slips=0.0, accepts=0.0):
        """Types a text at an offset, key by key; gives the offset after it."""
        open_pairs = []
        at = 0
        while at < len(text):
            key = text[at]
            rest = text[at:].split("\n")[0]
            if len(rest) > 8 and self.random.random() < accepts and not open_pairs:
                self.replace(uri, offset, offset, rest, offset + len(rest), LINE_MS)
                offset, at = offset + len(rest), at + len(rest)
                continue
            if key.isalpha() and self.random.random() < slips:
                self.replace(uri, offset, offset, "q", offset + 1)
                self.replace(uri, offset, offset + 1, "", offset)
            if open_pairs and key == open_pairs[-1] and self.texts[uri].startswith(key, offset):
                open_pairs.pop()
                self.move(uri, offset + 1)
            elif key in PAIRS and PAIRS[key] in rest:
                open_pairs.append(PAIRS[key])
                self.replace(uri, offset, offset, key + PAIRS[key], offset + 1)
            else:
                if key == "\n":
                    open_pairs.clear()
                self.replace(uri, offset, offset, key, offset + 1, LINE_MS if key == "\n" else KEY_MS)
            offset, at = offset + 1, at + 1
        return offset

    def save(self, path):
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines), encoding="utf-8")
        print(f"{path}: {self.keys} keys, {self.now / 1000:.0f} s")


def middle(text, keys):
    """A stretch of whole lines in the middle, of about so many characters, as (start, end)."""
    start = text.find("\n", len(text) // 2) + 1
    end = text.find("\n", min(len(text), start + keys))
    return start, end if end > 0 else len(text)


def from_files(out, files, keys, seed):
    texts = [path.read_text(encoding="utf-8") for path in files]
    editor = Editor(seed)
    uri = editor.open(files[0], "")
    editor.type(uri, 0, texts[0][:keys])
    editor.save(out / "top.jsonl")
    start, end = middle(texts[0], keys)
    for name, habits in (("middle", {}), ("corrections", {"slips": 0.05}), ("accepted", {"accepts": 0.04})):
        editor = Editor(seed)
        uri = editor.open(files[0], texts[0][:start] + texts[0][end:])
        editor.type(uri, start, texts[0][start:end], **habits)
        editor.save(out / f"{name}.jsonl")
    if len(files) > 1:
        editor = Editor(seed)
        places = []
        for path, text in zip(files, texts):
            start, end = middle(text, keys // len(files))
            uri = editor.open(path, text[:start] + text[end:])
            places.append([uri, start, text[start:end].splitlines(keepends=True)])
        while any(lines for _, _, lines in places):
            for place in places:
                if place[2]:
                    place[1] = editor.type(place[0], place[1], place[2].pop(0))
        editor.save(out / "jumps.jsonl")


def from_history(out, path, keys, seed):
    def git(*arguments):
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, cwd=path.parent).stdout

    commits = git("log", "--reverse", "--format=%H", "--", path.name).split()
    if len(commits) < 2:
        raise SystemExit(f"{path}: its history has {len(commits)} commits; name a file that was changed at least once")
    versions = [git("show", f"{commit}:./{path.name}") for commit in commits]
    editor = Editor(seed)
    uri = editor.open(path, versions[0])
    for after in versions[1:]:
        before = editor.texts[uri]
        blocks = difflib.SequenceMatcher(None, before.splitlines(True), after.splitlines(True), autojunk=False)
        lines, shift = before.splitlines(True), 0
        for tag, i1, i2, j1, j2 in blocks.get_opcodes():
            if tag == "equal" or editor.keys >= keys:
                continue
            start = sum(map(len, lines[:i1])) + shift
            old, new = "".join(lines[i1:i2]), "".join(after.splitlines(True)[j1:j2])
            if old:
                editor.replace(uri, start, start + len(old), "", start, LINE_MS)
            editor.type(uri, start, new)
            shift += len(new) - len(old)
        if editor.keys >= keys:
            break
    editor.save(out / "history.jsonl")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--history", type=Path, help="a file in a git repository")
    parser.add_argument("--keys", type=int, default=400, help="about how many keys a trace has")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if not args.files and not args.history:
        parser.error("name files to type, or --history FILE")
    args.out.mkdir(parents=True, exist_ok=True)
    if args.files:
        from_files(args.out, args.files, args.keys, args.seed)
    if args.history:
        from_history(args.out, args.history.resolve(), args.keys, args.seed)


if __name__ == "__main__":
    main()
