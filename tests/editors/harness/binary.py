"""The server that is tested."""

import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def server():
    """The path of codegemma-lsp: that in CODEGEMMA_LSP, or else one that is built here."""
    named = os.environ.get("CODEGEMMA_LSP")
    if named:
        path = Path(named).resolve()
        if not os.access(path, os.X_OK):
            raise SystemExit(f"CODEGEMMA_LSP: there is no program {path}")
        return path
    subprocess.run(["cargo", "build", "--quiet", "-p", "codegemma-lsp"], cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return REPOSITORY / target / "debug" / "codegemma-lsp"
