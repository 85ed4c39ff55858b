"""rust-analyzer, the language server that ours is put beside: from rustup, as a user has it."""

import subprocess
from pathlib import Path

# A file in which it has something to say (the type of `wrong`) and something to complete.
MANIFEST = '[package]\nname = "beside"\nversion = "0.1.0"\nedition = "2021"\n'
MAIN = """struct Rectangle {
    width: u32,
    height: u32,
}

impl Rectangle {
    fn area(&self) -> u32 {
        self.width * self.height
    }

    fn half(&self) -> u32 {
        self.width + self.$0
    }
}

fn main() {
    let wrong: u32 = "";
}
"""


def analyzer():
    """The folder of rust-analyzer and the compiler that it asks. The programs of rustup need a home, which an editor here
    has not; those that they stand for do not."""
    which = ["rustup", "which", "rust-analyzer"]
    try:
        found = subprocess.run(which, check=False, capture_output=True, text=True)
        if found.returncode:
            subprocess.run(["rustup", "component", "add", "rust-analyzer"], check=True, capture_output=True, text=True)
            found = subprocess.run(which, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        output = getattr(error, "stderr", None) or ""
        raise SystemExit(f"rust-analyzer cannot be had from rustup: {error}\n{output}") from error
    return Path(found.stdout.strip()).parent
