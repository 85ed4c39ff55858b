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
    build = ["cargo", "build", "--message-format=json-render-diagnostics", "--bin", "codegemma-lsp", "--bin", "scripted-lsp"]
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
    link = program.parent / "scripted" / "codegemma-lsp"
    link.parent.mkdir(exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(program)
    return link
