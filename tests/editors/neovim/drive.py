"""Drives Neovim with the plugin: 0.11 from PyPI, 0.10 and 0.12 from Debian's packages, side by side.

    drive.py [--floor-only] [--only WORDS]

--floor-only leaves out what Debian may not give at the moment; without it, all versions must be had.
--only runs the scenarios that have these words in their name. It fails where editors/neovim/ghost-text.svg does
not show what is shown now, and makes it anew.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import prediction  # noqa: F401 (it adds a scenario to the scripted ones)
import scenarios
import scripted
from editor import Neovim
from harness import binary, debian, runner, rust

FLOOR = "0.11"
SUITES = {"0.12": "sid", "0.10": "trixie"}
SETUP = "require('codegemma').setup({ CMD })"


def editor(version):
    """The program, and the folder of its own scripts if it has to be told that."""
    if version == FLOOR:
        return Path(sys.executable).parent / "nvim", None
    folder = debian.cache() / f"neovim-{SUITES[version]}"
    [program] = debian.install(SUITES[version], ["neovim"], ["bin/nvim"], folder).values()
    return program, folder / "root/usr/share/nvim/runtime"


def drive(version, only):
    """Plays all scenarios with one version, and returns how many have failed."""
    server = binary.scripted()
    os.environ["PATH"] = f"{rust.analyzer()}:{os.environ['PATH']}"
    program, runtime = editor(version)

    def start(scenario):
        program_of_server = binary.server() if hasattr(scenario, "has_starter") else server
        cmd = getattr(scenario, "cmd", [program_of_server]) + getattr(scenario, "flags", [])
        return Neovim(program, runtime, getattr(scenario, "setup", SETUP), cmd)

    played = [scenario for scenario in scenarios.SCENARIOS if version in getattr(scenario, "versions", [version])]
    failures = runner.run(f"Neovim {version} with the server", played, start, only)
    return failures + runner.run(f"Neovim {version} with a server that follows a script", scripted.SCENARIOS, start, only)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--floor-only", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--version", help="drives this one in this process")
    flags = parser.parse_args()
    if flags.version:
        raise SystemExit(drive(flags.version, flags.only) > 0)
    binary.server()
    binary.scripted()
    rust.analyzer()
    versions = [FLOOR] if flags.floor_only else [FLOOR, *SUITES]
    try:
        for version in versions:
            editor(version)
    except debian.InstallError as error:
        remedy = f"Not all versions of Neovim can be had; --floor-only tests {FLOOR} alone."
        raise SystemExit(f"{error}\n{remedy}") from error
    # They mostly wait, so they run at the same time, and each says what it has to say when it is done.
    command = [sys.executable, __file__, *(["--only", flags.only] if flags.only else []), "--version"]
    running = [
        subprocess.Popen([*command, version], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for version in versions
    ]
    for process in running:
        print(process.communicate()[0], end="", flush=True)
    if any(process.returncode for process in running):
        raise SystemExit("\nsome scenarios have failed")
    print("\nall scenarios have passed")


if __name__ == "__main__":
    main()
