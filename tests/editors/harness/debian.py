"""Programs of another Debian release, unpacked into a folder of their own: nothing of the system is touched.

They come with their own C library, which patchelf makes them use; a library path in the environment would also reach
the language server that the editor starts.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class InstallError(Exception):
    """What could not be installed, why, and what to do about it."""


def install(suite, packages, programs, folder):
    """Unpacks `packages` of `suite` with all that they depend on, and returns the paths of `programs` below /usr.

    What is there already is used as it is.
    """
    root = folder / "root"
    paths = {program: root / "usr" / program for program in programs}
    if not (folder / "complete").exists():
        print(f"fetching {', '.join(packages)} of Debian {suite}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _unpack(suite, packages, folder, root)
            _detach(root, paths.values())
        except (OSError, subprocess.CalledProcessError) as error:
            output = (getattr(error, "stderr", None) or "").strip()
            raise InstallError(f"Debian {suite} has not given {', '.join(packages)}: {error}\n{output}") from error
        shutil.rmtree(folder / "archives")
        (folder / "complete").touch()
    return paths


def _run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.stdout


def _mirror():
    """Where this machine gets its packages."""
    for path in [Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")]:
        for line in path.read_text().splitlines() if path.exists() else []:
            words = [word for word in line.split() if not word.startswith("[")]
            if words and words[0] in ("URIs:", "deb"):
                return words[1]
    raise InstallError("no Debian mirror is configured here; this needs Debian")


def _unpack(suite, packages, folder, root):
    archives = folder / "archives"
    for path in ["lists/partial", "cache/archives/partial", "debs"]:
        (archives / path).mkdir(parents=True)
    (archives / "suite.sources").write_text(
        f"Types: deb\nURIs: {_mirror()}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    options = [
        f"Dir::Etc::sourcelist={archives}/suite.sources",
        "Dir::Etc::sourceparts=/dev/null",
        f"Dir::State::Lists={archives}/lists",
        f"Dir::Cache={archives}/cache",
        "Dir::State::status=/dev/null",
        "Debug::NoLocking=true",
    ]
    apt = ["apt-get", *(f"-o{option}" for option in options)]
    _run(*apt, "update", "-qq")
    plan = _run(*apt, "--simulate", "--no-install-recommends", "install", *packages)
    needed = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    _run(*apt, "download", "-qq", *needed, cwd=archives / "debs")
    for archive in sorted((archives / "debs").glob("*.deb")):
        _run("dpkg", "-x", str(archive), str(root))


def _detach(root, programs):
    """Makes the programs load the libraries that came along."""
    patchelf = Path(sys.executable).parent / "patchelf"
    [libraries] = root.glob("usr/lib/*-linux-gnu*")
    [loader] = libraries.glob("ld-linux*.so.*")
    for program in programs:
        _run(patchelf, "--set-interpreter", str(loader), "--force-rpath", "--set-rpath", str(libraries), str(program))
    for library in libraries.glob("lib*.so*"):
        if not library.is_symlink() and not library.name.startswith("libc.so") and _is_elf(library):
            _run(patchelf, "--force-rpath", "--set-rpath", str(libraries), str(library))


def _is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def cache():
    """The folder for what the editors' tests install."""
    return Path(os.environ["CODEGEMMA_CACHE"]) / "editors"
