"""Checks that a training run that is killed goes on to the same loss curve: a tiny model, killed at random moments.

    python3 check_resume.py
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy

TRAIN = Path(__file__).with_name("train.py")
SHAPE = "--hidden 64 --inner 128 --layers 2 --head 32 --key-value-heads 2 --vocabulary 512".split()
SHAPE += "--batch 1 --context 256 --no-compile --threads 1".split()
RUN = "--steps 120 --decay 40 --check 30 --dev-batches 2 --save 7 --seed 3".split()


def start(work, name):
    command = [sys.executable, str(TRAIN), str(work), "--name", name, *SHAPE, *RUN]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "stream-512").mkdir()
        (work / "tokenizer-512").mkdir()
        (work / "tokenizer-512" / "tokenizer.json").write_text("{}")
        stream = numpy.random.default_rng(0).zipf(1.5, 200_000) % 512
        for split in ("train", "dev"):
            numpy.save(work / "stream-512" / f"{split}.npy", stream.astype(numpy.uint16))

        assert start(work, "whole").wait() == 0
        kills, dice = 0, random.Random(1)
        while True:
            run = start(work, "killed")
            try:
                assert run.wait(timeout=dice.uniform(4, 12) if kills < 5 else None) == 0
                break
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
                kills += 1
        logs = [(work / "runs" / name / "log.csv").read_text() for name in ("whole", "killed")]
        assert kills and logs[0] == logs[1], f"after {kills} kills the losses differ"
        print(f"killed {kills} times, the same {logs[0].count(chr(10)) - 1} losses to the last digit")


if __name__ == "__main__":
    started = time.time()
    main()
    print(f"{time.time() - started:.0f} s")
