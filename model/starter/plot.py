"""Draws the loss of a training run, or of several that went on from one another.

    python3 plot.py LOG.csv OUT.png
"""

import csv
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (only after the backend was chosen)

SMOOTHED = 25


def plot(log, out):
    with open(log, newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["loss"]) for row in rows]
    recent = [losses[max(0, at - SMOOTHED + 1) : at + 1] for at in range(len(losses))]
    pyplot.figure(figsize=(8, 4))
    pyplot.plot([int(row["step"]) for row in rows], [sum(part) / len(part) for part in recent], label="training")
    for column, label in (("dev", "dev packages, all tokens"), ("dev_middle", "dev packages, middles")):
        measured = [row for row in rows if row[column]]
        steps, values = [int(row["step"]) for row in measured], [float(row[column]) for row in measured]
        pyplot.plot(steps, values, "o-", markersize=3, label=label)
    pyplot.ylim(2, 7)
    pyplot.xlabel("step")
    pyplot.ylabel("nats a token")
    pyplot.legend()
    pyplot.tight_layout()
    pyplot.savefig(out, dpi=90)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    plot(sys.argv[1], sys.argv[2])
