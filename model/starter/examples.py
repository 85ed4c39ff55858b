"""From training text to token streams in the form that CodeGemma was trained on. Writes `stream-<size>/<split>.npy`.

An example is a span of a file, nine times in ten with a hole in it:

    <bos>[path⏎text<|file_separator|>]path⏎<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>M<|file_separator|>

with, once in eight, spans of other files of the package before it; else `<bos>path⏎text<|file_separator|>`. The product
puts its anchor at the start of a line above the cursor and what stands between the two after `<|fim_middle|>`
(`model/src/prompt.rs`). So the middle mostly begins some lines before the hole, in the pieces that the text has there
without one. The stream is all examples, shuffled, in rows as long as the model's context: none is cut by the end of a row, so a middle
always has its prefix before it. Each package draws from a generator seeded by its name, so the result depends neither on
the order of the work nor on the number of processes.
"""

import argparse
import bisect
import json
import math
import random
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy
import tree_sitter_c
import tree_sitter_go
import tree_sitter_javascript
import tree_sitter_python
import tree_sitter_rust
import tree_sitter_typescript
from tokenizers import Tokenizer
from tree_sitter import Language, Parser

from tokenizer import BOS, MIDDLE, PAD, PREFIX, SEPARATOR, SUFFIX

GRAMMARS = {
    "rust": tree_sitter_rust.language(),
    "python": tree_sitter_python.language(),
    "javascript": tree_sitter_javascript.language(),
    "typescript": tree_sitter_typescript.language_tsx(),
    "go": tree_sitter_go.language(),
    "c": tree_sitter_c.language(),
}
FILL_IN_THE_MIDDLE = 0.9
WITH_OTHER_FILES = 0.125
# Of the examples with a hole, those whose middle begins at an anchor above it, and the most lines between the two.
ANCHORED = 0.92
ANCHOR_LINES = 16
# An example's bytes, drawn evenly on a logarithmic scale. The product fills the context where the file is long.
SPAN = (400, 4200)
# The most bytes of suffix, as in the product, and how many examples have at most so many. The end of a middle is learned
# where its suffix is near.
LONGEST_SUFFIX = 700
SHORT_SUFFIX = (0.35, 150)
# A context file's bytes.
CONTEXT = (200, 1200)
# The longest middle, in bytes.
LONGEST = 600
# The examples that rows are filled from at once.
EXAMPLES_AT_ONCE = 4096


def spans(text, rng):
    """Cuts a text into spans at line starts, as (start, end)."""
    start = 0
    while start < len(text):
        end = start + int(math.exp(rng.uniform(math.log(SPAN[0]), math.log(SPAN[1]))))
        end = text.find(b"\n", end) + 1 if end < len(text) else len(text)
        end = end or len(text)
        if len(text) - end < SPAN[0] // 2:
            end = len(text)
        yield start, end
        start = end


def hole(text, start, end, tree, rng):
    """A hole within a span, as (from, to): in a line, at lines, or a syntax node."""
    at = rng.randrange(start, end)
    line_end = text.find(b"\n", at, end)
    line_end = end if line_end < 0 else line_end
    kind = rng.random()
    if kind < 0.30:  # the rest of a line, from within a token or between tokens
        if rng.random() < 0.5:
            while at > start and word(text[at - 1]) and word(text[at]):
                at -= 1
        return at, line_end
    if kind < 0.50:  # a few characters of a line
        return at, min(at + rng.randint(1, 12), line_end)
    if kind < 0.75:  # a syntax node, of a size drawn at random
        limit = math.exp(rng.uniform(math.log(4), math.log(LONGEST)))
        node = tree.root_node.descendant_for_byte_range(at, at + 1)
        best = (at, line_end)
        while node is not None and node.end_byte - node.start_byte <= limit:
            if start <= node.start_byte and node.end_byte <= end:
                best = (node.start_byte, node.end_byte)
            node = node.parent
        return best
    if kind < 0.93:  # one to eight whole lines, from the end of the line before or from their indentation on
        at = text.rfind(b"\n", start, at)
        if at < 0:
            return start, line_end
        to = at
        for _ in range(min(rng.randint(1, 8), rng.randint(1, 8))):
            following = text.find(b"\n", to + 1, end)
            if following < 0 or following - at > LONGEST:
                break
            to = following
        if rng.random() < 0.5:
            at += 1
            while at < to and text[at] in b" \t":
                at += 1
        return at, to
    return at, min(at + rng.randint(1, LONGEST), end)


def anchor(text, start, at, rng):
    """Where the middle of a hole at `at` begins: the start of its line or of one above it within the span."""
    if rng.random() > ANCHORED:
        return at
    line = text.rfind(b"\n", start, at) + 1 or start
    for _ in range(rng.randint(0, ANCHOR_LINES)):
        if line <= start:
            break
        line = text.rfind(b"\n", start, line - 1) + 1 or start
    return line


def word(byte):
    return byte == 95 or 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte >= 128


def on_character(text, at):
    while 0 < at < len(text) and text[at] & 0xC0 == 0x80:
        at -= 1
    return at


def texts(package, files, seed):
    """The examples of one package, as lists of pieces: control tokens and texts in turn."""
    rng = random.Random(f"{seed} {package}")
    parsers = {name: Parser(Language(grammar)) for name, grammar in GRAMMARS.items()}
    earlier = []
    for path, language, content in files:
        text = content.encode()
        tree = parsers[language].parse(text)
        for start, end in spans(text, rng):
            example = [BOS]
            if earlier and rng.random() < WITH_OTHER_FILES:
                for other in rng.sample(earlier[-20:], min(len(earlier), rng.randint(1, 2))):
                    example += [other, SEPARATOR]
            if rng.random() < FILL_IN_THE_MIDDLE:
                at, to = (on_character(text, place) for place in hole(text, start, end, tree, rng))
                most = rng.randint(0, SHORT_SUFFIX[1]) if rng.random() < SHORT_SUFFIX[0] else LONGEST_SUFFIX
                shown = on_character(text, min(end, to + most))
                begun = anchor(text, start, at, rng)
                parts = [text[start:begun], text[to:shown], text[begun:to]]
                prefix, suffix, middle = (part.decode() for part in parts)
                example += [f"{path}\n", PREFIX, prefix, SUFFIX, suffix, MIDDLE, middle, SEPARATOR]
            else:
                example += [f"{path}\n{text[start:end].decode()}", SEPARATOR]
            yield example
            size = rng.randint(*CONTEXT)
            context = text[start : min(end, start + size)].decode(errors="ignore").rsplit("\n", 1)[0]
            earlier.append(f"{path}\n{context}\n")


def encode(tokenizer, examples):
    pieces = [piece for example in examples for piece in example if isinstance(piece, str)]
    ids = iter(tokenizer.encode_batch(pieces, add_special_tokens=False))
    for example in examples:
        tokens = []
        for piece in example:
            tokens += [piece] if isinstance(piece, int) else next(ids).ids
        yield numpy.array(tokens, dtype=numpy.uint16)


def of_package(item, tokenizer, seed):
    package, files = item
    tokenizer = Tokenizer.from_file(tokenizer)
    tokenizer.encode_special_tokens = True  # what looks like a control token in a file is text
    return list(encode(tokenizer, list(texts(package, files, seed))))


def rows(examples, length):
    """Puts examples into rows of a length, each into the fullest that has room for it; what is left of a row is padding.
    An example that is longer than a row loses its beginning."""
    full = []
    for first in range(0, len(examples), EXAMPLES_AT_ONCE):
        begun = []  # (room, row), the least room first
        for example in sorted(examples[first : first + EXAMPLES_AT_ONCE], key=len, reverse=True):
            example = example[-length:]
            at = bisect.bisect_left(begun, len(example), key=lambda entry: entry[0])
            room, row = begun.pop(at) if at < len(begun) else (length, [])
            row.append(example)
            bisect.insort(begun, (room - len(example), row), key=lambda entry: entry[0])
        full += [numpy.pad(numpy.concatenate(row), (0, room), constant_values=PAD) for room, row in begun]
    return full


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--size", type=int, default=8192, help="entries of the tokenizer")
    parser.add_argument("--context", type=int, default=1024, help="tokens a row")
    parser.add_argument("--share", type=float, default=1.0, help="of the training files to read")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tokenizer = str(args.work / f"tokenizer-{args.size}" / "tokenizer.json")
    output = args.work / f"stream-{args.size}"
    output.mkdir(exist_ok=True)
    for split in ("dev", "train"):
        packages = {}
        lines = (args.work / "corpus" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        if split == "train":
            lines = lines[: math.ceil(len(lines) * args.share)]
        for line in lines:
            file = json.loads(line)
            packages.setdefault(file["package"], []).append((file["path"], file["language"], file["text"]))
        with Pool() as pool:
            made = pool.map(partial(of_package, tokenizer=tokenizer, seed=args.seed), sorted(packages.items()), 1)
        examples = [example for of_one in made for example in of_one]
        random.Random(args.seed).shuffle(examples)
        stream = rows(examples, args.context)
        random.Random(args.seed).shuffle(stream)
        numpy.save(output / f"{split}.npy", numpy.concatenate(stream))
        print(f"{split}: {len(examples)} examples, {sum(map(len, examples))} tokens, {len(stream)} rows")


if __name__ == "__main__":
    main()
