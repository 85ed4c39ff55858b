#!/usr/bin/env python3
"""Fits the gate: how likely a line of a suggestion is right, by what is known of it when it is written.

    cargo build && python3 tests/eval/fit.py            writes server/src/completion/gate/coefficients.csv
    cargo build && python3 tests/eval/fit.py --check    measures it on the held-out packages and draws gate.svg

A model writes its completions once; they are recorded in the cache folder, so that a change to how they are judged takes a
minute. The gate is fitted on the packages of `corpus.TRAINING`, which neither the starter was trained on nor the held-out
ones hold. It is a logistic regression with a small penalty on large coefficients, fitted by Newton's method. Which least
probability is shown is chosen on predictions for files that the fit had not seen: the lowest at which of what is shown
enough is right and little harmful.

Needs Python 3.9 or newer, cargo, pip, npm and Debian's apt-get, and a built codegemma-complete.
"""

import argparse
import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import built  # noqa: E402
import corpus  # noqa: E402
import fetch  # noqa: E402
import gate  # noqa: E402

HERE = Path(__file__).resolve().parent
TABLE = ROOT / "server/src/completion/gate/coefficients.csv"
OTHER = "other"
NUMBERS = ["sum", "likely", "first", "least", "ends", "cut", "length", "wordless", "known", "later"]

# The least share of what is shown that has to be right, and the most that may be harmful. On packages that are not
# known it turns out a little worse; a model that is not known has to be surer.
RIGHT, HARMFUL = 0.65, 0.03
RIGHT_OTHER = 0.68
# A kind of place is left alone where fewer requests than this would be answered with something right.
WORTH_ASKING = 0.01
PENALTY = 2.0
FOLDS = 5


def measure(binary, model, packages, name, holes, seed):
    """What eval says of a model's completions of packages; recorded at the first time."""
    key = hashlib.sha256(f"{model.path} {holes} {seed} {packages}".encode()).hexdigest()[:12]
    recorded = fetch.cache_folder() / "eval" / f"{model.name}-{name}-{key}.jsonl"
    command = [str(binary), "eval", str(corpus.folder(packages)), "--no-config", "--json"]
    command += ["--holes", str(holes), "--seed", str(seed)]
    if recorded.is_file():
        command += ["--completions", str(recorded)]
    else:
        fetch.note(f"{model.name} completes {holes} holes, which takes a while")
        command += ["--no-context", "--model", model.path, "--record", str(recorded), *model.flags]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [hole for hole in json.loads(result.stdout)["holes"] if hole["kind"] != "text"]


class Row:
    """A line: what is known of it, by name, and whether it is right."""

    def __init__(self, hole, line, with_language):
        self.values = {"bias": 1.0, f"place:{hole['place']}": 1.0}
        if with_language:
            self.values[f"language:{hole['language']}"] = 1.0
        self.values.update((name, line[name]) for name in NUMBERS)
        self.right = line["right"]


def rows(holes, with_language):
    return [Row(hole, line, with_language) for hole in holes for line in hole["lines"]]


def predict(weights, row):
    return 1 / (1 + math.exp(-sum(weights.get(name, 0.0) * value for name, value in row.values.items())))


def fit(rows):
    """The coefficients that make what was seen the most likely, less a penalty for large ones."""
    names = sorted({name for row in rows for name in row.values})
    at = {name: index for index, name in enumerate(names)}
    data = [([(at[name], value) for name, value in row.values.items() if value], row.right) for row in rows]
    weights = [0.0] * len(names)
    penalties = [0.0 if name == "bias" else PENALTY for name in names]
    for _ in range(25):
        gradient = [-penalty * weight for penalty, weight in zip(penalties, weights)]
        curvature = [[0.0] * len(names) for _ in names]
        for index, penalty in enumerate(penalties):
            curvature[index][index] = penalty + 1e-6
        for values, right in data:
            p = 1 / (1 + math.exp(-sum(weights[index] * value for index, value in values)))
            for index, value in values:
                gradient[index] += (right - p) * value
                line = curvature[index]
                for other, factor in values:
                    line[other] += p * (1 - p) * value * factor
        step = solve(curvature, gradient)
        weights = [weight + change for weight, change in zip(weights, step)]
        if max(map(abs, step)) < 1e-6:
            break
    return dict(zip(names, weights))


def solve(matrix, vector):
    """The solution of a system of linear equations, by elimination."""
    lines = [[*line, value] for line, value in zip(matrix, vector)]
    for column in range(len(lines)):
        pivot = max(range(column, len(lines)), key=lambda line: abs(lines[line][column]))
        lines[column], lines[pivot] = lines[pivot], lines[column]
        for line in range(column + 1, len(lines)):
            factor = lines[line][column] / lines[column][column]
            if factor:
                lines[line] = [a - factor * b for a, b in zip(lines[line], lines[column])]
    solution = [0.0] * len(lines)
    for column in reversed(range(len(lines))):
        rest = sum(lines[column][other] * solution[other] for other in range(column + 1, len(lines)))
        solution[column] = (lines[column][-1] - rest) / lines[column][column]
    return solution


def unseen(holes, with_language):
    """(probability of the first line, hole), as predicted by a fit that did not see the hole's file."""
    fold = lambda hole: int(hashlib.sha256(hole["path"].encode()).hexdigest(), 16) % FOLDS  # noqa: E731
    found = []
    for number in range(FOLDS):
        weights = fit(rows([hole for hole in holes if fold(hole) != number], with_language))
        for hole in holes:
            if fold(hole) == number and hole["lines"]:
                found.append((predict(weights, Row(hole, hole["lines"][0], with_language)), hole))
    return found


def threshold(predicted, least_right):
    """The lowest probability from which on enough is right and little harmful, at it and at all above it at which there is
    something to count."""
    best = 0.95
    for step in range(95, 4, -1):
        shown = [hole for probability, hole in predicted if probability >= step / 100]
        right = sum(gate.is_right(hole) for hole in shown)
        harmful = sum(gate.is_harmful(hole) for hole in shown)
        if len(shown) >= 20 and (right < least_right * len(shown) or harmful > HARMFUL * len(shown)):
            break
        best = step / 100
    return best


def alone(holes, predicted, least):
    """The kinds of places at which hardly anything right would be shown."""
    for place in sorted({hole["place"] for hole in holes if hole["place"]}):
        asked = sum(hole["place"] == place for hole in holes)
        right = sum(gate.is_right(hole) for p, hole in predicted if hole["place"] == place and p >= least)
        shown = sum(hole["place"] == place for p, hole in predicted if p >= least)
        print(f"  {place}: {asked} places, {shown} shown, {right} right")
        if right < WORTH_ASKING * asked:
            yield place


def column(holes, with_language, least_right):
    """A model's column of the table."""
    holes = [hole for hole in holes if automatic(hole)]
    weights = fit(rows(holes, with_language))
    predicted = unseen(holes, with_language)
    weights["threshold"] = threshold(predicted, least_right)
    print(f"  threshold {weights['threshold']}")
    # Of a model that is not known nobody can say what it has nothing to say to.
    if with_language:
        weights.update((f"alone:{place}", 1.0) for place in alone(holes, predicted, weights["threshold"]))
    # A file of prose has no syntax to cut holes by; it is what a comment is.
    for name in ("place", "alone"):
        if f"{name}:comment" in weights:
            weights[f"{name}:prose"] = weights[f"{name}:comment"]
    return weights


def automatic(hole):
    """Whether anything is asked for at such a place when nobody asks."""
    return hole["unasked"]["reason"] not in ("inside-word", "inside-text")


def table(columns):
    names = sorted({name for weights in columns.values() for name in weights})
    lines = ["feature," + ",".join(columns)]
    for name in names:
        fields = [f"{weights[name]:.4g}" if name in weights else "" for weights in columns.values()]
        lines.append(",".join([name, *fields]))
    return "\n".join(lines) + "\n"


class Model:
    def __init__(self, name, path, training, held_out, flags):
        self.name, self.path, self.flags = name, path, flags
        self.counts = {"training": training, "held-out": held_out}

    def holes(self, binary, which):
        packages, seed = {"training": (corpus.TRAINING, 2), "held-out": (corpus.WIDE, 3)}[which]
        return measure(binary, self, packages, which, self.counts[which], seed)


def main():
    parser = argparse.ArgumentParser(description="Fits the gate, or checks it on held-out packages.")
    parser.add_argument("--check", action="store_true", help="measure the committed gate on the held-out packages")
    parser.add_argument("--gemma", help="gemma-3-270m's file, where it is not in the cache folder")
    parser.add_argument("--binary", type=Path, default=built.program("codegemma-complete"), help="codegemma-complete")
    options = parser.parse_args()
    gemma = options.gemma or str(fetch.cache_folder() / "models" / "gemma-3-270m-q4_k_m.gguf")
    # The larger one takes ten times as long and gets fewer places, with less before them.
    models = [
        Model("codegemma-starter", "starter", 1500, 1400, []),
        Model("gemma-3-270m", gemma, 260, 220, ["--context-tokens", "512"]),
    ]
    if options.check:
        held_out = {model.name: model.holes(options.binary, "held-out") for model in models}
        for line in gate.report(held_out):
            print(line)
        (HERE / "gate.svg").write_text(gate.picture(held_out), encoding="utf-8")
        return
    columns, everything = {}, []
    for model in models:
        holes = model.holes(options.binary, "training")
        print(f"{model.name}: {len(holes)} holes")
        columns[model.name] = column(holes, True, RIGHT)
        everything += holes
    print(OTHER)
    columns[OTHER] = column(everything, False, RIGHT_OTHER)
    TABLE.write_text(table(columns), encoding="utf-8")


if __name__ == "__main__":
    main()
