"""The servers that are tested: the one that is shipped, and the same one with a model that follows script.json."""

import functools
import json
import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SCRIPT = REPOSITORY / "tests" / "editors" / "script.json"


@functools.cache
def _built():
    """The programs by their names, wherever cargo puts them."""
    build = ["cargo", "build", "--message-format=json-render-diagnostics"]
    for program in ["codegemma-lsp", "codegemma-complete", "scripted-lsp"]:
        build += ["--bin", program]
    packages = ["-p", "codegemma-lsp", "-p", "codegemma-tests"]
    done = subprocess.run([*build, *packages], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    messages = map(json.loads, done.stdout.splitlines())
    return {found["target"]["name"]: Path(found["executable"]) for found in messages if found.get("executable")}


def server():
    """The path of codegemma-lsp: that in CODEGEMMA_LSP, or else one that is built here."""
    named = os.environ.get("CODEGEMMA_LSP")
    if named:
        path = Path(named).resolve()
        if not os.access(path, os.X_OK):
            raise SystemExit(f"CODEGEMMA_LSP: there is no program {path}")
        return path
    return _built()["codegemma-lsp"]


def scripted():
    """The path of the one with the script, under the name that editors know. It reads the script that the environment
    variable CODEGEMMA_SCRIPT names."""
    program = _built()["scripted-lsp"]
    folder = program.parent / "scripted"
    folder.mkdir(exist_ok=True)
    # The command line lies beside it.
    links = {"codegemma-lsp": program, "codegemma-complete": _built()["codegemma-complete"]}
    for name, target in links.items():
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    return folder / "codegemma-lsp"
