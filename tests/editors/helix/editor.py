"""Helix in a terminal, in a home of its own with editors/helix/languages.toml, watched through its screen and its log."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import binary
from harness.terminal import Terminal

EDITOR = binary.REPOSITORY / "editors" / "helix"
SCRIPTED = Path(__file__).resolve().parents[1] / "harness" / "scripted_server.py"
ESCAPE, CTRL_X = "\x1b", "\x18"


class Helix:
    """A running Helix in a home of its own, with our languages.toml, in which `codegemma-lsp` is on the PATH: `server`, or
    a script of the shell."""

    def __init__(self, program, runtime, server, script, others, table, path):
        self.home = Path(tempfile.mkdtemp(prefix="codegemma-helix-"))
        self.folder = self.home / "project"
        self.folder.mkdir()
        configuration = self.home / ".config/helix"
        configuration.mkdir(parents=True)
        languages = (EDITOR / "languages.toml").read_text()
        given = '# args = ["--model", "/path/to/codegemma-2b.gguf"]'
        assert given in languages
        languages = languages.replace(given, table) if table else languages
        (configuration / "languages.toml").write_text(languages)
        bin_folder = self.home / "bin"
        bin_folder.mkdir()
        flags = "--name {0} --item hello_from_{0}"
        scripts = {name: f'exec "{sys.executable}" "{SCRIPTED}" {flags.format(name)}' for name in others}
        if script:
            scripts["codegemma-lsp"] = script
        elif server:
            (bin_folder / "codegemma-lsp").symlink_to(server)
        for name, commands in scripts.items():
            (bin_folder / name).write_text(f"#!/bin/sh\n{commands}\n")
            (bin_folder / name).chmod(0o755)
        self._program = str(program)
        self._environment = {
            "PATH": f"{bin_folder}:{path}",
            "HOME": str(self.home),
            "HELIX_RUNTIME": str(runtime),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "CODEGEMMA_SCRIPT": str(binary.SCRIPT),
        }
        self.log = self.home / "helix.log"
        self.terminal = None

    def start(self, *arguments):
        """Starts the editor with a file and a place in it, or with nothing."""
        command = [self._program, "-vv", "--log", str(self.log), *arguments]
        self.begin = time.monotonic()
        self.terminal = Terminal(command, self.folder, self._environment, lines=28)
        self.terminal.wait("its status line", lambda frame: " NOR " in frame.text())

    def open(self, name, text, row=1, column=1):
        """Starts the editor with a file that has this text, at a place in it."""
        path = self.folder / name
        if not path.exists():
            self.write(name, text)
        self.start(f"{path}:{row}:{column}")

    def write(self, name, text):
        """Makes a file in the project."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def run(self, *arguments):
        """What Helix says with these arguments, without a screen."""
        command = [self._program, *arguments]
        done = subprocess.run(command, env=self._environment, cwd=self.folder, check=True, capture_output=True, text=True)
        return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)

    def open_at(self, name, marked, says=None):
        """Starts the editor with a file, and inserts where `$0` stands in it, after a message where one is to come."""
        before, after = marked.split("$0")
        row, column = before.count("\n") + 1, len(before.replace("\r", "").rpartition("\n")[2])
        self.open(name, before + after, row, column)
        if says:
            self.says(says)
        self.insert("A" if after.startswith(("\n", "\r")) else "a")
        return before.replace("\r", ""), after.replace("\r", "")

    def logged(self, words, seconds=10):
        """Waits until words are in the log of what goes between editor and server."""
        self.terminal.wait(f"{words} in the log", lambda _: words in self.log.read_text(), seconds)

    def says(self, words):
        """Waits until words have stood on the screen: a message goes with the next key, also with one that is typed here."""
        self.terminal.wait(f"{words!r} on the screen", lambda _: any(words in frame.text() for frame in self.terminal.frames))

    def popup(self, label):
        """Waits until the popup has an item with this label."""
        return self.terminal.wait(f"{label!r} in the popup", lambda frame: _has_item(frame, label))

    def no_popup(self, label):
        """Waits until no popup has an item with this label, and makes sure that none comes."""
        self.terminal.wait(f"the end of {label!r} in the popup", lambda frame: not _has_item(frame, label))
        time.sleep(0.5)
        assert not _has_item(self.terminal.frame(), label), f"{label!r} is in the popup"

    def asked_for(self, label):
        """Asks for a popup until it has an item whose label is like this, and returns that label. Helix does not ask again
        by itself where the model needed more than the server's patience."""
        entry = re.compile(rf" {{8,}}({label})…? +text$", re.MULTILINE)

        def found(frame):
            if not entry.search(frame.text()):
                self.terminal.type(CTRL_X)
                time.sleep(1.5)
            return entry.search(frame.text())

        return entry.search(self.terminal.wait("an item", found, 30).text())[1]

    def insert(self, key):
        """Goes to insert mode with one of its keys."""
        self.terminal.type(key)
        self.terminal.wait("insert mode", lambda frame: " INS " in frame.text())

    def normal(self):
        """Goes to normal mode, unless it is there: Escape and a key that follows at once would be one with Alt."""
        if " NOR " not in self.terminal.frame().text():
            self.terminal.type(ESCAPE)
            self.terminal.wait("normal mode", lambda frame: " NOR " in frame.text())

    def command(self, line):
        """Runs a command in normal mode."""
        self.normal()
        self.terminal.type(f":{line}\r")

    def saved(self, name):
        """Writes the buffer, and returns the bytes of its file. What Helix says of it may be gone at once, where another
        server has something to say."""
        path = self.folder / name
        before = path.stat().st_mtime_ns

        def written(frame):
            # Helix sets the old file aside while it writes.
            return path.exists() and path.stat().st_mtime_ns != before and "[+]" not in frame.text()

        self.command("write")
        self.terminal.wait("the written file", written)
        return path.read_bytes()

    def servers(self):
        """The processes of our server that this editor has started."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == self.terminal.process.pid and words[0].endswith("codegemma-lsp"):
                found.append(int(path.name))
        return found

    def close(self):
        if self.terminal:
            self.terminal.close()
        shutil.rmtree(self.home, ignore_errors=True)


def _has_item(frame, label):
    """Whether the popup has an item with this label, with its kind or without. It stands below the text."""
    return re.search(rf" {{8,}}{re.escape(label)}(?: +text)?$", frame.text(), re.MULTILINE)
