"""Drives Helix, from Debian's packages, with editors/helix/languages.toml and the server.

    drive.py [--only WORDS]

--only runs the scenarios that have these words in their name. The last one fails where
editors/helix/popup.svg does not show what is shown now, and makes it anew.
"""

import argparse

import scenarios
from editor import Helix
from harness import binary, debian, runner, rust


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only")
    flags = parser.parse_args()
    binary.server()
    scripted = binary.scripted()
    with_analyzer = f"{rust.analyzer()}:/usr/bin:/bin"
    folder = debian.cache() / "helix-sid"
    try:
        [program] = debian.install("sid", ["hx"], ["lib/hx/hx"], folder).values()
    except debian.InstallError as error:
        raise SystemExit(error) from error

    def start(scenario):
        others, table, script = (getattr(scenario, name, None) for name in ["others", "table", "script"])
        path = with_analyzer if scenario is scenarios.beside_rust_analyzer else "/usr/bin:/bin"
        found = binary.server() if hasattr(scenario, "has_starter") else scripted
        found = None if hasattr(scenario, "is_missing") else found
        return Helix(program, folder / "root/usr/lib/hx/runtime", found, script, others or [], table, path)

    failures = runner.run("Helix", scenarios.SCENARIOS, start, flags.only)
    if failures:
        raise SystemExit(f"\n{failures} scenarios have failed")
    print("\nall scenarios have passed")


if __name__ == "__main__":
    main()
