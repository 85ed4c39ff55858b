"""Trains small models of several shapes for the same time each and compares them: what the starter's shape was picked by.

    python3 compare.py WORK [SECONDS]        writes comparison.csv and comparison.png beside this file

Needs the streams of both vocabularies (examples.py --size). Losses are in bits a byte of the dev packages, so that
vocabularies can be compared; a run that is there already is not made again.
"""

import csv
import math
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy
from tokenizers import Tokenizer

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (only after the backend was chosen)

SHAPES = {
    "8192 pieces, 6 layers of 192, heads of 64": [],
    "4096 pieces, 6 layers of 192, heads of 64": ["--vocabulary", "4096"],
    "4096 pieces, 6 layers of 192, heads of 32": ["--vocabulary", "4096", "--head", "32", "--key-value-heads", "6"],
    "4096 pieces, 6 layers of 256, heads of 64": [
        "--vocabulary", "4096", "--hidden", "256", "--inner", "1024", "--key-value-heads", "4",
    ],
    "4096 pieces, 8 layers of 192, MLP of 512": ["--vocabulary", "4096", "--layers", "8", "--inner", "512"],
}  # fmt: skip
HERE = Path(__file__).parent
STEP = re.compile(r"step (\d+) loss \S+ dev (\d\S*) (\S+) (\d+) tok/s")
TOKENS_A_STEP = 4096


def run(work, name, shape, seconds):
    """The output of a run that was stopped after some seconds."""
    log = work / f"compare-{name}.log"
    if not log.exists():
        command = [sys.executable, HERE / "train.py", work, "--name", f"compare-{name}", "--check", "20"]
        command += ["--steps", "100000", "--repeat", "0", "--save", "100000", *shape]
        with open(log, "w") as output:
            try:
                subprocess.run(command, stdout=output, timeout=seconds, check=True)
            except subprocess.TimeoutExpired:
                pass
    return log.read_text()


def bytes_a_token(work, vocabulary):
    tokenizer = Tokenizer.from_file(str(work / f"tokenizer-{vocabulary}" / "tokenizer.json"))
    tokens = numpy.load(work / f"stream-{vocabulary}" / "dev.npy")
    parts = [tokens[at : at + 5000].tolist() for at in range(0, len(tokens), 5000)]
    return sum(len(text.encode()) for text in tokenizer.decode_batch(parts)) / len(tokens)


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    work, seconds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 330
    pyplot.figure(figsize=(8, 4))
    rows = []
    for number, (shape, flags) in enumerate(SHAPES.items()):
        bits = 1 / (bytes_a_token(work, 4096 if "4096" in flags else 8192) * math.log(2))
        found = STEP.findall(run(work, number, flags, seconds))
        curve = [(int(step) * TOKENS_A_STEP / int(pace), float(dev) * bits) for step, dev, _, pace in found]
        pyplot.plot(*zip(*curve), "o-", markersize=3, label=shape)
        for (step, *_), (time, loss) in zip(found, curve):
            rows.append([shape, int(step) * TOKENS_A_STEP, round(time), f"{loss:.3f}"])
    with open(HERE / "comparison.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["shape", "tokens", "seconds", "bits_per_byte"])
        writer.writerows(rows)
    pyplot.xlabel("seconds of training on two cores")
    pyplot.ylabel("bits a byte, dev packages")
    pyplot.legend()
    pyplot.tight_layout()
    pyplot.savefig(HERE / "comparison.png", dpi=90)


if __name__ == "__main__":
    main()
