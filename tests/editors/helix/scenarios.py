"""What users do. The server is the real one, and its model writes what script.json says, but for one scenario with the
starter. Each function gets a Helix that has not been started."""

import os
import re
import signal
import time

from editor import CTRL_X, EDITOR
from harness import picture, rust

TAB, CTRL_N, CTRL_C = "\t", "\x0e", "\x03"

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


def the_starter_suggests_what_can_be_dismissed_and_accepted(editor):
    before, after = editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    label = editor.asked_for(r"he\S.*?")
    editor.terminal.type(CTRL_C)
    editor.no_popup(label)
    assert editor.asked_for(re.escape(label)) == label
    editor.terminal.type(TAB)
    editor.terminal.wait("the preview", lambda frame: f"self.width + self.{label}" in frame.text())
    editor.terminal.type(" # ")
    assert editor.saved("rectangle.py").decode() == before + label + " # " + after
    return repr(label)


the_starter_suggests_what_can_be_dismissed_and_accepted.has_starter = True
the_starter_suggests_what_can_be_dismissed_and_accepted.table = "config.codegemma = { confidence = 0 }"


def a_body_gets_lines_of_its_own_and_a_label_of_one(editor):
    before, after = editor.open_at("rectangle.py", PYTHON.partition("\n        return 2")[0] + "$0\n")
    editor.logged('"state":"ready"')
    label = editor.asked_for(r"half = .*?")
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
    # By then the server knows whether the model may see the document.
    time.sleep(1)
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
    # What the model makes of "hell" may come later and stand above theirs. Helix would take it for what was chosen.
    time.sleep(1)
    editor.terminal.type(TAB)
    frame = editor.terminal.wait("a choice", lambda frame: re.search(r"self\.hell\S", frame.text()))
    if "self.hello_from_pylsp" not in frame.text():
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


def typing_something_else_takes_it_away(editor):
    before, after = editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    editor.popup("height)")
    editor.terminal.type("zq")
    editor.no_popup("height)")
    assert editor.saved("rectangle.py").decode() == before + "hezq" + after


def undo_takes_back_what_was_accepted(editor):
    before, after = editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    editor.popup("height)")
    editor.terminal.type(TAB)
    editor.terminal.wait("the preview", lambda frame: "self.width + self.height)" in frame.text())
    editor.terminal.type(" # ")
    editor.normal()
    # For Helix, what was typed before is a step, and what was accepted is another with what was typed after.
    for step in ["he", ""]:
        editor.terminal.type("u")
        line = re.compile(re.escape(before.rpartition("\n")[2] + step) + "$", re.MULTILINE)
        editor.terminal.wait(f"undone to {step!r}", lambda frame, line=line: line.search(frame.text()))
    assert editor.saved("rectangle.py").decode() == before + after


def two_files_share_one_server(editor):
    editor.write("rectangle.go", GO.replace("$0", ""))
    editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    editor.terminal.type("he")
    editor.popup("height)")
    [server] = editor.servers()
    editor.command("open rectangle.go:12:24")
    editor.terminal.wait("the other file", lambda frame: "package main" in frame.text())
    editor.insert("A")
    editor.terminal.type("He")
    editor.popup("Height)")
    assert editor.servers() == [server]


def settings_change_while_it_runs(editor):
    editor.write("codegemma.toml", "maxTokens = 32\n")
    (editor.folder / ".git").mkdir()
    editor.open_at("rectangle.py", PYTHON)
    editor.logged('"state":"ready"')
    [server] = editor.servers()
    editor.terminal.type("he")
    editor.popup("height)")
    # Helix tells a server of a file that it saves itself.
    editor.command("open codegemma.toml")
    editor.terminal.wait("the settings", lambda frame: "maxTokens" in frame.text())
    editor.insert("i")
    editor.terminal.type("enabled = false\r")
    editor.saved("codegemma.toml")
    editor.logged('"state":"off"')
    editor.terminal.type("ga")
    editor.terminal.wait("the first file", lambda frame: "class Rectangle" in frame.text())
    editor.insert("A")
    editor.terminal.type("i")
    editor.logged('"reason":"disabled"')
    editor.no_popup("height)")
    assert editor.servers() == [server]


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
    editor.says("Language server exited: codegemma")
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
    editor.open_at("rectangle.py", PYTHON, says="codegemma.maxTokens: expected a number")
    editor.terminal.type("he")
    editor.popup("height)")


a_setting_of_the_wrong_type_is_named.table = 'config.codegemma = { maxTokens = "many" }'


def a_server_that_crashes_is_named(editor):
    editor.open("rectangle.py", PYTHON.replace("$0", ""))
    editor.says("Language server exited: codegemma")
    starts = editor.folder / "starts"
    time.sleep(2)
    assert starts.read_text() == "start\n", "it is started again unasked"
    editor.command("lsp-restart codegemma")
    editor.terminal.wait("another start", lambda _: starts.read_text() == "start\n" * 2)


a_server_that_crashes_is_named.script = "echo start >> starts; exit 3"


def a_buffer_without_a_name_has_no_server(editor):
    editor.start()
    editor.insert("i")
    editor.terminal.type("self.height = he" + CTRL_X)
    time.sleep(1)
    assert editor.servers() == [] and "codegemma" not in editor.log.read_text()


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


def the_picture_in_the_readme_shows_this(editor):
    editor.open_at("stack.py", picture.STACK + "        $0\n")
    editor.logged('"state":"ready"')
    editor.asked_for(r"if not self\.items:")
    editor.terminal.type(CTRL_N)
    # The item is previewed in the text, and its documentation beside the popup.
    frame = editor.terminal.wait("the preview", lambda frame: frame.text().count("return self.items.pop()") > 1)
    picture.check(EDITOR / "popup.svg", picture.svg(frame, last=22))


SCENARIOS = [value for name, value in list(globals().items()) if getattr(value, "__module__", None) == __name__]
