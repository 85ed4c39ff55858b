"""From package folders to training text: which files are worth learning from. Writes `corpus/<split>.jsonl`, and the
held-out files once more as a folder, `corpus/heldout/`, for `codegemma-complete eval`.

Left out: what is not UTF-8, generated, minified, mostly tables or mostly comments, what may hold a secret, and what
repeats files that are there already. Held-out packages come first, so that nothing that resembles them is trained on.
"""

import argparse
import hashlib
import json
import re
import shutil
import zlib
from collections import Counter, defaultdict
from pathlib import Path

from packages import SPLITS, folders, note, read_list

LANGUAGES = {
    "rs": "rust", "py": "python", "js": "javascript", "mjs": "javascript", "cjs": "javascript", "jsx": "javascript",
    "ts": "typescript", "tsx": "typescript", "go": "go", "c": "c", "h": "c",
}  # fmt: skip

# Bytes of training text for each language, and from one package: many hands teach more than one.
BUDGET = {"rust": 26e6, "python": 26e6, "javascript": 13e6, "typescript": 13e6, "go": 20e6, "c": 18e6}
PACKAGE_SHARE = 0.12

SKIPPED_FOLDERS = {
    "node_modules", "dist", "umd", "bundles", "build", "min", "vendor", "_vendor", "third_party", "esm5", "cjs",
    "es2015", "esm2015", "site-packages", "lib2to3", "idlelib", "testdata", "locale", "locales", "__pycache__",
    "unicode", "tables", "snapshots",
}  # fmt: skip
GENERATED = re.compile(r"(?i)@generated|(auto[- ]?|automatically |code )generated|generated (by|from|file|code)|do not edit")
# What a TypeScript compiler or a bundler wrote is not what a person would.
COMPILED = re.compile(r"sourceMappingURL|__esModule|__webpack|_interopRequire|__importDefault")
SECRET = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|gh[pousr]_[A-Za-z0-9]{36}|xox[abpr]-[0-9A-Za-z-]{10}"
    r"|sk-[A-Za-z0-9]{32}|AIza[0-9A-Za-z_-]{35}|eyJ[A-Za-z0-9_-]{20,}\.eyJ|[0-9a-fA-F]{200}|[A-Za-z0-9+/]{200}"
)
COMMENT = re.compile(r"\s*(//|#(?!include|define|if|endif|else|pragma|ifdef|ifndef|undef|error|\[|!\[)|\*|/\*)")


def wanted(path, text):
    """The reason to leave a file out, or None."""
    if not 200 <= len(text) <= 120_000:
        return "size"
    lines = text.split("\n")
    if max(map(len, lines)) > 400 or len(text) / len(lines) > 90:
        return "minified"
    if GENERATED.search(text[:2000]):
        return "generated"
    if COMPILED.search(text):
        return "compiled"
    if SECRET.search(text):
        return "secret"
    if sum(map(str.isalpha, text)) < 0.45 * len(text) or len(text) > 9 * len(zlib.compress(text.encode(), 6)):
        return "tables"
    if sum(1 for line in lines if COMMENT.match(line)) > 0.6 * len(lines):
        return "comments"
    return None


def without_licence(text):
    """A licence header is the same in every file of a package; one copy would be too many."""
    lines = text.split("\n")
    end = 0
    while end < len(lines) and (not lines[end].strip() or COMMENT.match(lines[end]) or lines[end].startswith(" ")):
        end += 1
        if end < len(lines) and lines[end - 1].rstrip().endswith("*/"):
            break
    header = "\n".join(lines[:end])
    if re.search(r"(?i)copyright|licen[cs]e|spdx", header) and not re.search(r"^\s*//!|^\s*///", header, re.M):
        return "\n".join(lines[end:]).lstrip("\n")
    return text


def files(package, folder):
    """The candidate files of a package as (path within it, language, text), in an order that depends on names alone."""
    paths = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        language = LANGUAGES.get(path.suffix[1:])
        if language and not path.is_symlink() and not SKIPPED_FOLDERS & set(inside.parts[:-1]):
            if not path.name.endswith((".d.ts", ".min.js", ".pb.go", "_pb2.py")) and path.stat().st_size <= 200_000:
                paths.append((inside.as_posix(), language, path))
    paths.sort(key=lambda entry: hashlib.sha256(entry[0].encode()).digest())
    for inside, language, path in paths:
        try:
            yield inside, language, path.read_bytes().decode("utf-8").replace("\r\n", "\n")
        except (UnicodeDecodeError, OSError):
            continue


def shown_path(inside):
    """The path as a user's editor would show it: without the folders that the registry's packaging adds."""
    return re.sub(r"^(package/|usr/share/gocode/src/[^/]+/[^/]+/[^/]+/|usr/share/go-[\d.]+/src/|usr/share/gocode/src/)", "", inside)


def build(packages, output):
    seen = set()
    size = Counter()
    left_out = Counter()
    output.mkdir(parents=True, exist_ok=True)
    for split in ("heldout", "dev", "train"):
        kept = []
        for package, folder in packages:
            if package.split != split:
                continue
            of_package = defaultdict(int)
            for inside, language, text in files(package, folder):
                text = without_licence(text)
                reason = wanted(inside, text)
                lines = {hash_line(line) for line in text.split("\n") if len(line.strip()) > 15}
                if reason is None and len(lines & seen) > 0.4 * len(lines):
                    reason = "seen"
                if reason is None and of_package[language] + len(text) > PACKAGE_SHARE * BUDGET[language]:
                    reason = "share"
                if reason:
                    left_out[reason] += 1
                    continue
                seen |= lines
                of_package[language] += len(text)
                kept.append(
                    {"package": package.name, "path": shown_path(inside), "language": language, "text": text}
                )
        # Where there is more than the budget, what stays is spread over all packages.
        kept.sort(key=lambda file: hashlib.sha256((file["package"] + file["path"]).encode()).digest())
        with open(output / f"{split}.jsonl", "w", encoding="utf-8") as out:
            for file in kept:
                if split == "train" and size[split, file["language"]] > BUDGET[file["language"]]:
                    left_out["budget"] += 1
                    continue
                size[split, file["language"]] += len(file["text"])
                out.write(json.dumps(file, ensure_ascii=False) + "\n")
    unpack(output / "heldout.jsonl", output / "heldout")
    for (split, language), characters in sorted(size.items()):
        note(f"{split:8} {language:11} {characters / 1e6:6.2f} MB")
    note("files left out: " + ", ".join(f"{reason} {count}" for reason, count in left_out.most_common()))


def unpack(lines, folder):
    shutil.rmtree(folder, ignore_errors=True)
    for line in lines.read_text(encoding="utf-8").splitlines():
        file = json.loads(line)
        path = folder / file["package"] / file["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["text"], encoding="utf-8")


def hash_line(line):
    return hashlib.blake2b(line.strip().encode(), digest_size=8).digest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path, help="the folder for everything that is fetched and made")
    work = parser.parse_args().work
    build(list(folders(read_list(), work / "packages")), work / "corpus")


if __name__ == "__main__":
    main()
