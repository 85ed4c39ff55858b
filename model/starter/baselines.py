"""What the starter must beat: completions by an n-gram model with back-off and by copying the most similar line.

    python3 baselines.py WORK HOLES.jsonl --ngram OUT.jsonl --copy OUT.jsonl

HOLES.jsonl is what `codegemma-complete eval DIR --export HOLES.jsonl` writes; the answers go back through
`codegemma-complete eval DIR --completions OUT.jsonl`, so that one program judges all. The n-gram model is an interpolated
modified Kneser-Ney model (Chen and Goodman, 1999) over the starter's own tokens, trained on the same text as the starter;
its order is the best on the dev packages, its discounts are the closed form from the counts of counts.
"""

import argparse
import json
import math
from pathlib import Path

import numpy
from tokenizers import Tokenizer

from tokenizer import SEPARATOR

LONGEST_ANSWER = 64
MULTIPLIER = numpy.uint64(0x9E3779B97F4A7C15)


def hashes(tokens, order):
    """For each place a hash of the `order` tokens that end there; places before the `order`th hold shorter runs."""
    hashed = numpy.zeros(len(tokens), dtype=numpy.uint64)
    for back in range(order - 1, -1, -1):
        shifted = numpy.zeros(len(tokens), dtype=numpy.uint64)
        shifted[back:] = tokens[: len(tokens) - back].astype(numpy.uint64) + numpy.uint64(1)
        hashed = (hashed ^ shifted) * MULTIPLIER
        hashed ^= hashed >> numpy.uint64(29)
    return hashed


class Order:
    """The n-grams of one length: counts of continuations for each context, and its discounts."""

    def __init__(self, contexts, tokens, counts):
        by_context = numpy.argsort(contexts, kind="stable")
        contexts, self.tokens, self.counts = contexts[by_context], tokens[by_context], counts[by_context]
        self.contexts, starts = numpy.unique(contexts, return_index=True)
        self.starts = numpy.append(starts, len(contexts))
        ones, twos, threes, fours = (int((counts == number).sum()) for number in (1, 2, 3, 4))
        y = ones / max(1, ones + 2 * twos)
        discounts = [1 - 2 * y * twos / max(1, ones), 2 - 3 * y * threes / max(1, twos), 3 - 4 * y * fours / max(1, threes)]
        self.discounts = numpy.array([0.0, *(max(0.05, discount) for discount in discounts)])
        self.totals = numpy.add.reduceat(self.counts, starts).astype(numpy.float64)
        taken = self.discounts[numpy.minimum(self.counts, 3)]
        self.left = numpy.add.reduceat(taken, starts) / self.totals
        keys = pair(contexts, self.tokens)
        order = numpy.argsort(keys)
        self.keys, self.key_counts = keys[order], self.counts[order]

    def find(self, contexts):
        """The places of contexts among those known, and which are."""
        at = numpy.minimum(numpy.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        return at, self.contexts[at] == contexts

    def refine(self, lower, contexts, tokens):
        """Probabilities of `tokens` after `contexts`, from those that the next lower order gives."""
        at, known = self.find(contexts)
        keys = pair(contexts, tokens)
        place = numpy.minimum(numpy.searchsorted(self.keys, keys), len(self.keys) - 1)
        counts = numpy.where(self.keys[place] == keys, self.key_counts[place], 0)
        own = numpy.maximum(counts - self.discounts[numpy.minimum(counts, 3)], 0) / self.totals[at]
        return numpy.where(known, own + self.left[at] * lower, lower)

    def spread(self, lower, context):
        """The distribution after one context, from that of the next lower order."""
        at, known = self.find(numpy.array([context]))
        if not known[0]:
            return lower
        inside = slice(self.starts[at[0]], self.starts[at[0] + 1])
        counts = self.counts[inside]
        result = self.left[at[0]] * lower
        result[self.tokens[inside]] += (counts - self.discounts[numpy.minimum(counts, 3)]) / self.totals[at[0]]
        return result


def pair(contexts, tokens):
    return (contexts ^ (tokens.astype(numpy.uint64) + numpy.uint64(1))) * MULTIPLIER


class Ngram:
    def __init__(self, tokens, order, vocabulary):
        self.orders = []
        grams = {length: hashes(tokens, length) for length in range(1, order + 1)}
        longer = None
        for length in range(order, 1, -1):
            # Below the highest order an n-gram counts for as many different tokens as it was seen after.
            places = numpy.arange(len(tokens)) if longer is None else longer
            found, first, counts = numpy.unique(grams[length][places], return_index=True, return_counts=True)
            longer = places[first]
            before = numpy.maximum(longer - 1, 0)
            self.orders.insert(0, Order(grams[length - 1][before], tokens[longer], counts))
        seen = numpy.bincount(tokens[longer], minlength=vocabulary) + 0.01
        self.unigram = seen / seen.sum()

    def bits(self, tokens, start):
        """The bits of tokens[start:], each given those before it."""
        targets, places = tokens[start:], numpy.arange(start, len(tokens)) - 1
        probabilities = self.unigram[targets]
        for length, order in enumerate(self.orders, 1):
            probabilities = order.refine(probabilities, hashes(tokens, length)[places], targets)
        return float(-numpy.log2(probabilities).sum())

    def next(self, tokens):
        distribution = self.unigram
        for length, order in enumerate(self.orders, 1):
            if len(tokens) >= length:
                distribution = order.spread(distribution, hashes(tokens[-length:], length)[-1])
        return int(distribution.argmax())


def read_tokens(path, tokenizer, share=1.0):
    """All files of a split, each after a separator and its path, as in the starter's own examples; and their bytes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    files = [json.loads(line) for line in lines[: math.ceil(len(lines) * share)]]
    texts = [f"{file['path']}\n{file['text']}" for file in files]
    size = sum(len(file["text"].encode()) for file in files)
    parts = []
    for first in range(0, len(texts), 256):
        for encoding in tokenizer.encode_batch(texts[first : first + 256], add_special_tokens=False):
            parts.append(numpy.array([SEPARATOR, *encoding.ids], dtype=numpy.uint16))
    return numpy.concatenate(parts), size


def complete(model, tokenizer, hole):
    """The likeliest token, again and again, to the end of the line."""
    tokens = tokenizer.encode(hole["prefix"][-2000:], add_special_tokens=False).ids
    written = []
    while len(written) < LONGEST_ANSWER:
        token = model.next(numpy.array([SEPARATOR, *tokens, *written], dtype=numpy.uint16)[-16:])
        if token == SEPARATOR:
            break
        written.append(token)
        text = tokenizer.decode(written, skip_special_tokens=False)
        if "\n" in text.lstrip("\n") or (text.startswith("\n") and hole["kind"] != "block"):
            return text.lstrip("\n").split("\n")[0] if hole["kind"] != "block" else text.rsplit("\n", 1)[0]
    return tokenizer.decode(written, skip_special_tokens=False)


def copy_line(hole):
    """What follows, in the line of the document that has the longest end of the typed text in common; the nearest of
    equals. Of an empty line, the line after the one most like the line above."""
    before, after = hole["prefix"].split("\n"), hole["suffix"].split("\n")[1:]
    typed = before[-1].lstrip()
    lines = [line.strip() for line in before[:-1]] + [line.strip() for line in after]
    here = len(before) - 1
    if not typed:
        above = next((line.strip() for line in reversed(before[:-1]) if line.strip()), "")
        places = [at for at in range(len(lines) - 1) if lines[at] == above and at != here - 1]
        return lines[min(places, key=lambda at: abs(at - here)) + 1] if places else ""
    best = (0, 0, "")
    for at, line in enumerate(lines):
        length = best[0]
        while length < len(typed) and typed[-length - 1 :] in line:
            length += 1
        found = line.rfind(typed[-length:]) if length else -1
        if found >= 0 and (length, -abs(at - here)) > best[:2]:
            best = (length, -abs(at - here), line[found + length :])
    return best[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("holes", type=Path)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--share", type=float, default=1.0, help="of the training text to count")
    parser.add_argument("--ngram", type=Path, required=True)
    parser.add_argument("--copy", type=Path, required=True)
    args = parser.parse_args()
    holes = [json.loads(line) for line in args.holes.read_text(encoding="utf-8").splitlines()]
    with open(args.copy, "w", encoding="utf-8") as out:
        for hole in holes:
            out.write(json.dumps({"id": hole["id"], "text": "" if hole["kind"] == "text" else copy_line(hole)}) + "\n")

    tokenizer = Tokenizer.from_file(str(args.work / f"tokenizer-{args.vocabulary}" / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    tokens, _ = read_tokens(args.work / "corpus" / "train.jsonl", tokenizer, args.share)
    dev, size = read_tokens(args.work / "corpus" / "dev.jsonl", tokenizer)
    best = (math.inf, 0, None)
    for order in range(3, 8):
        model = Ngram(tokens, order, args.vocabulary)
        loss = model.bits(dev, 1) / size
        print(f"order {order}: {loss:.4f} bits per byte on the dev packages", flush=True)
        if loss > best[0]:
            break
        best = (loss, order, model)
    print(f"order {best[1]} it is; {len(tokens)} tokens were counted")
    model = best[2]
    with open(args.ngram, "w", encoding="utf-8") as out:
        for hole in holes:
            prefix = tokenizer.encode(hole["prefix"][-2000:], add_special_tokens=False).ids
            middle = tokenizer.encode(hole["middle"], add_special_tokens=False).ids
            sequence = numpy.array([SEPARATOR, *prefix, *middle], dtype=numpy.uint16)
            answer = {"id": hole["id"], "bits": model.bits(sequence, len(prefix) + 1)}
            answer["text"] = "" if hole["kind"] == "text" else complete(model, tokenizer, hole)
            out.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
