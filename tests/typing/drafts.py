#!/usr/bin/env python3
"""How much faster guessed tokens make greedy decoding on real code, and that they change no text.

    cargo build --release && python3 tests/fetch.py
    python3 tests/typing/drafts.py FILE... [--model NAME|PATH] [--places N] [--tokens N]

Continues each FILE from some places in it, with guesses and without, in turn. Nothing else may run meanwhile.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import built  # noqa: E402  (found only with the line above)

# The most bytes before a place.
BEFORE = 4000


def decode(binary, model, prompt, tokens, *flags):
    command = [binary, "raw", "--json", "--model", model, "--max-tokens", str(tokens), "--prompt-file", prompt, *flags]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--places", type=int, default=4, help="in each file")
    parser.add_argument("--tokens", type=int, default=128)
    args = parser.parse_args()
    binary = built.program("codegemma-complete")
    if not binary.is_file():
        sys.exit("error: codegemma-complete is missing; build it with cargo build --release")
    ratios = []
    print("| file | byte | tokens | guessed | right | plain, tokens/s | with guesses | ratio |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for path in args.files:
        text = path.read_text(encoding="utf-8")
        for number in range(1, args.places + 1):
            at = len(text) * number // (args.places + 1)
            with tempfile.NamedTemporaryFile("w", suffix=path.suffix, encoding="utf-8") as prompt:
                prompt.write(text[max(0, at - BEFORE) : at])
                prompt.flush()
                plain = decode(binary, args.model, prompt.name, args.tokens, "--no-drafts")
                drafted = decode(binary, args.model, prompt.name, args.tokens)
            assert plain["tokens"] == drafted["tokens"], f"{path}, byte {at}: the text is another one"
            stats = drafted["stats"]
            rates = [found["stats"]["generated_tokens"] / found["stats"]["decode_ms"] * 1000 for found in (plain, drafted)]
            ratios.append(rates[1] / rates[0])
            counts = f"{stats['generated_tokens']} | {stats['drafted_tokens']} | {stats['accepted_tokens']}"
            print(f"| {path.name} | {at} | {counts} | {rates[0]:.0f} | {rates[1]:.0f} | {ratios[-1]:.2f} |", flush=True)
    print(f"\nratio: median {median(ratios):.2f}, least {min(ratios):.2f}, most {max(ratios):.2f}")


if __name__ == "__main__":
    main()
