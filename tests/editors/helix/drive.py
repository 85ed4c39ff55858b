"""Drives Helix, from Debian's packages, with editors/helix/languages.toml and the server.

    drive.py [--only WORDS]

--only runs the scenarios that have these words in their name. The last one makes editors/helix/popup.svg.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import binary, debian, picture, runner, rust
from harness.terminal import Terminal

EDITOR = binary.REPOSITORY / "editors" / "helix"
SCRIPTED = Path(__file__).resolve().parents[1] / "harness" / "scripted_server.py"
ESCAPE, TAB, CTRL_N, CTRL_X = "\x1b", "\t", "\x0e", "\x18"

# The cursor is behind what ends with `$0`; what follows is typed.
PYTHON = '''class Rectangle:
    """A rectangle with sides parallel to the axes."""

    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height

    def perimeter(self):
        return 2 * (self.width + self.$0
'''
GO = """package main

type Rectangle struct {
\tWidth, Height int
}

func (r Rectangle) Area() int {
\treturn r.Width * r.Height
}

func (r Rectangle) Perimeter() int {
\treturn 2 * (r.Width + r.$0
}
"""


class Helix:
    """A running Helix in a home of its own, with our languages.toml, in which `codegemma-lsp` is on the PATH."""

    def __init__(self, program, runtime, server, others, table, path):
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
        if server:
            (bin_folder / "codegemma-lsp").symlink_to(server)
        for name in others:
            flags = f"--name {name} --item hello_from_{name}"
            (bin_folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{SCRIPTED}" {flags}\n')
            (bin_folder / name).chmod(0o755)
        self._program = str(program)
        self._environment = {
            "PATH": f"{bin_folder}:{path}",
            "HOME": str(self.home),
            "HELIX_RUNTIME": str(runtime),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
        }
        self.log = self.home / "helix.log"
        self.terminal = None

    def open(self, name, text, row=1, column=1):
        """Starts the editor with a file that has this text, at a place in it."""
        path = self.folder / name
        if not path.exists():
            self.write(name, text)
        command = [self._program, "-vv", "--log", str(self.log), f"{path}:{row}:{column}"]
        self.begin = time.monotonic()
        self.terminal = Terminal(command, self.folder, self._environment, lines=28)
        self.terminal.wait("the file", lambda frame: path.name in frame.text())

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

    def open_at(self, name, marked):
        """Starts the editor with a file, and inserts where `$0` stands in it."""
        before, after = marked.split("$0")
        row, column = before.count("\n") + 1, len(before.replace("\r", "").rpartition("\n")[2])
        self.open(name, before + after, row, column)
        self.terminal.type("A" if after.startswith(("\n", "\r")) else "a")
        self.terminal.wait("insert mode", lambda frame: " INS " in frame.text())
        return before.replace("\r", ""), after.replace("\r", "")

    def logged(self, words, seconds=10):
        """Waits until words are in the log of what goes between editor and server."""
        self.terminal.wait(f"{words} in the log", lambda _: words in self.log.read_text(), seconds)

    def says(self, words):
        """Waits until words have stood on the screen: a message goes with the next key, also with one that is typed here."""
        self.terminal.wait(f"{words!r} on the screen", lambda _: any(words in frame.text() for frame in self.terminal.frames))

    def popup(self, label):
        """Waits until the popup has an item with this label, with its kind or without. It stands below the text."""
        entry = re.compile(rf" {{8,}}{re.escape(label)}(?: +text)?$", re.MULTILINE)
        return self.terminal.wait(f"{label!r} in the popup", lambda frame: entry.search(frame.text()))

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

    def command(self, line):
        """Goes to normal mode and runs a command there. Escape and a key that follow at once would be one with Alt."""
        self.terminal.type(ESCAPE)
        self.terminal.wait("normal mode", lambda frame: " NOR " in frame.text())
        self.terminal.type(f":{line}\r")

    def saved(self, name):
        """Writes the buffer, and returns the bytes of its file."""
        self.command("write")
        self.terminal.wait("the written file", lambda frame: "written" in frame.text())
        return (self.folder / name).read_bytes()

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


def the_popup_comes_within_two_seconds_of_opening_a_file(editor):
    editor.open_at("rectangle.py", PYTHON)
    editor.terminal.type("he")
    editor.popup("height)")
    took = time.monotonic() - editor.begin
    assert took < 2, f"it took {took:.2f} s"
    return f"{took * 1000:.0f} ms"


def tab_accepts(editor):
    before, after = editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    editor.popup("height)")
    editor.terminal.type(TAB)
    editor.terminal.wait("the preview", lambda frame: "self.width + self.height)" in frame.text())
    editor.terminal.type(" # ")
    assert editor.saved("rectangle.py").decode() == before + "height) # " + after


def a_body_gets_lines_of_its_own_and_a_label_of_one(editor):
    before, after = editor.open_at("rectangle.py", PYTHON.partition("\n        return 2")[0] + "$0\n")
    editor.logged('"state":"ready"')
    label = editor.asked_for(r"return .*?")
    editor.terminal.type(TAB)
    editor.terminal.wait("the preview", lambda frame: frame.text().count(label) > 1)
    text = editor.saved("rectangle.py").decode()
    assert text.startswith(before + "\n        " + label) and text.endswith(after), text


def it_goes_on_while_it_is_typed(editor):
    editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    for key in "heigh":
        editor.terminal.type(key)
        time.sleep(0.3)
    editor.popup("height)")


def what_is_typed_before_the_popup_is_there_does_no_harm(editor):
    before, after = editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    [server] = editor.servers()
    os.kill(server, signal.SIGSTOP)
    editor.terminal.type("he")
    editor.logged("textDocument/completion")
    editor.terminal.type("i")
    editor.logged('"text":"i"')
    os.kill(server, signal.SIGCONT)
    editor.popup("height)")
    assert editor.log.read_text().count('"method":"textDocument/completion"') == 1
    editor.terminal.type(TAB)
    assert editor.saved("rectangle.py").decode() == before + "height)" + after


def beside_another_server(editor):
    before, after = editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    editor.popup("height)")
    editor.popup("hello_from_pylsp")
    editor.terminal.type("ll")
    editor.popup("hello_from_pylsp")
    editor.terminal.type(TAB)
    assert editor.saved("rectangle.py").decode() == before + "hello_from_pylsp" + after


beside_another_server.others = ["pylsp"]


def beside_rust_analyzer(editor):
    (editor.folder / "Cargo.toml").write_text(rust.MANIFEST)
    before, after = editor.open_at("src/main.rs", rust.MAIN)
    editor.logged('"state":"ready"')
    editor.terminal.wait("its diagnostics", lambda frame: "expected u32" in frame.text(), 90)
    editor.terminal.type("he")
    # Theirs is a field, ours text below it.
    both = re.compile(r"height +field\b.*\n.* {8,}(height.*?) +text\b")
    frame = editor.terminal.wait("an item of each", lambda frame: both.search(frame.text()))
    label = both.search(frame.text())[1]
    editor.terminal.type(TAB + TAB)
    assert editor.saved("src/main.rs").decode() == before + label + after


def a_file_with_carriage_returns_keeps_them(editor):
    before, after = editor.open_at("rectangle.py", PYTHON.replace("\n", "\r\n"))
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    editor.popup("height)")
    editor.terminal.type(TAB)
    assert editor.saved("rectangle.py").decode() == (before + "height)" + after).replace("\n", "\r\n")


def emoji_left_of_the_cursor(editor):
    before, after = editor.open_at("rectangle.py", PYTHON.replace("return 2 *", 'print("größer 😀"); return 2 *'))
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    frame = editor.terminal.wait("the popup", lambda frame: re.search(r"(height.*?)\s+text\b", frame.text()))
    label = re.search(r"(height\S*)", frame.text().rpartition(" text")[0].rpartition("\n")[2])[1]
    editor.terminal.type(TAB)
    assert editor.saved("rectangle.py").decode().startswith(before + label.rstrip("…"))


def tabs_stay_tabs(editor):
    before, after = editor.open_at("rectangle.go", GO)
    editor.logged('"state":"ready"')
    editor.terminal.type("He")
    editor.popup("Height)")
    editor.terminal.type(TAB)
    assert editor.saved("rectangle.go").decode() == before + "Height)" + after


def a_killed_server_can_be_started_again(editor):
    editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    [first] = editor.servers()
    os.kill(first, signal.SIGKILL)
    time.sleep(0.5)
    editor.command("lsp-restart codegemma")
    editor.terminal.wait("another server", lambda _: editor.servers() not in ([], [first]))
    time.sleep(0.5)
    editor.terminal.type("A" + "he")
    editor.popup("height)")


def a_missing_model_is_told_with_its_remedy(editor):
    editor.open("rectangle.py", PYTHON.replace("$0", ""))
    editor.says("/nowhere/model.gguf")


a_missing_model_is_told_with_its_remedy.table = 'args = ["--model", "/nowhere/model.gguf"]'


def a_setting_of_the_wrong_type_is_named(editor):
    editor.open_at("rectangle.py", PYTHON)
    editor.says("codegemma.maxTokens: expected a number")
    editor.terminal.type("he")
    editor.popup("height)")


a_setting_of_the_wrong_type_is_named.table = 'config.codegemma = { maxTokens = "many" }'


def a_missing_server_is_seen_in_the_health_check(editor):
    health = editor.run("--health", "python")
    assert re.search(r"✘ .*codegemma-lsp.* not found in \$PATH", health), health
    editor.open_at("rectangle.py", PYTHON)
    editor.terminal.type("height)")
    assert editor.saved("rectangle.py").decode() == PYTHON.replace("$0", "height)")
    assert "codegemma" in editor.log.read_text()


a_missing_server_is_seen_in_the_health_check.is_missing = True


def the_health_check_finds_the_server(editor):
    health = editor.run("--health", "python")
    assert re.search(r"✓ .*codegemma-lsp", health), health


def a_read_only_workspace_is_served(editor):
    editor.write("rectangle.py", PYTHON.replace("$0", "")).chmod(0o444)
    editor.folder.chmod(0o555)
    editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    editor.popup("height)")
    editor.terminal.type(TAB)
    editor.command("write")
    editor.terminal.wait("Helix's message", lambda frame: "read only" in frame.text())
    editor.folder.chmod(0o755)
    assert os.listdir(editor.folder) == ["rectangle.py"]


def a_file_of_ten_megabytes_is_served(editor):
    editor.open_at("large.py", "value = compute(seed=17, limit=1000)\n" * 280_000 + "\n" + PYTHON)
    editor.logged('"state":"ready"', 30)
    editor.terminal.type("he")
    editor.asked_for(r"height\)")


def quitting_leaves_no_process(editor):
    editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    [server] = editor.servers()
    editor.command("quit!")
    editor.terminal.process.wait(10)
    begin = time.monotonic()
    while os.path.exists(f"/proc/{server}"):
        assert time.monotonic() - begin < 5, f"the server (process {server}) is still there"
        time.sleep(0.01)
    return f"the server was gone {(time.monotonic() - begin) * 1000:.0f} ms after the editor"


def the_picture_in_the_readme_is_made(editor):
    editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    editor.popup("height)")
    editor.terminal.type(CTRL_N)
    # The item is previewed in the text, and its documentation beside the popup.
    frame = editor.terminal.wait("the preview", lambda frame: frame.text().count("height)") > 2)
    (EDITOR / "popup.svg").write_text(picture.svg(frame, last=17, columns=84))


SCENARIOS = [
    the_popup_comes_within_two_seconds_of_opening_a_file,
    tab_accepts,
    a_body_gets_lines_of_its_own_and_a_label_of_one,
    it_goes_on_while_it_is_typed,
    what_is_typed_before_the_popup_is_there_does_no_harm,
    beside_another_server,
    beside_rust_analyzer,
    a_file_with_carriage_returns_keeps_them,
    emoji_left_of_the_cursor,
    tabs_stay_tabs,
    a_killed_server_can_be_started_again,
    a_missing_model_is_told_with_its_remedy,
    a_setting_of_the_wrong_type_is_named,
    a_missing_server_is_seen_in_the_health_check,
    the_health_check_finds_the_server,
    a_read_only_workspace_is_served,
    a_file_of_ten_megabytes_is_served,
    quitting_leaves_no_process,
    the_picture_in_the_readme_is_made,
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only")
    flags = parser.parse_args()
    server = binary.server()
    with_analyzer = f"{rust.analyzer()}:/usr/bin:/bin"
    folder = debian.cache() / "helix-sid"
    try:
        [program] = debian.install("sid", ["hx"], ["lib/hx/hx"], folder).values()
    except debian.InstallError as error:
        raise SystemExit(error) from error

    def start(scenario):
        others, table = getattr(scenario, "others", []), getattr(scenario, "table", None)
        path = with_analyzer if scenario is beside_rust_analyzer else "/usr/bin:/bin"
        found = None if hasattr(scenario, "is_missing") else server
        return Helix(program, folder / "root/usr/lib/hx/runtime", found, others, table, path)

    failures = runner.run("Helix", SCENARIOS, start, flags.only)
    if failures:
        raise SystemExit(f"\n{failures} scenarios have failed")
    print("\nall scenarios have passed")


if __name__ == "__main__":
    main()
