"""What users do. The server is the real one, and its model writes what script.json says, but for one scenario with the
starter. Each function gets a Neovim that has not been started."""

import os
import re
import signal
import time

from editor import GHOST, PLUGIN
from harness import binary, picture, rust

# The rest of the line is clear here, and a body belongs here.
LINE = '''class Rectangle:
    """A rectangle with sides parallel to the axes."""

    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height

    def perimeter(self):
        return 2 * (self.width + self.he$0
'''
BLOCK = LINE.partition("\n        return 2")[0] + "$0\n"
GO = """package main

type Rectangle struct {
\tWidth, Height int
}

func (r Rectangle) Area() int {
\treturn r.Width * r.Height
}

func (r Rectangle) Perimeter() int {$0
"""
TAB, ESCAPE, CTRL_BRACKET, CTRL_E, OMNI = "\t", "\x1b", "\x1d", "\x05", "\x18\x0f"
ALT_W, ALT_L, ALT_N = "\x1bw", "\x1bl", "\x1bn"


def first_ghost_text_within_two_seconds_of_opening_a_file(editor):
    path = editor.write("rectangle.py", LINE.replace("$0", ""))
    begin = time.monotonic()
    editor.start(path, "+normal G", "+startinsert!")
    editor.ghost()
    took = time.monotonic() - begin
    assert took < 2, f"it took {took:.2f} s"
    return f"{took * 1000:.0f} ms"


def _inserted(editor, before, after):
    """What stands between the text before and after the cursor."""
    text = editor.text()
    assert text.startswith(before) and text.endswith(after), text
    return text[len(before) : len(text) - len(after)]


def the_suggestion_is_accepted_in_whole(editor):
    before, after = editor.open_at("rectangle.py", LINE)
    ghost = editor.settled_ghost()
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == before + ghost + after)
    assert editor.saved(editor.folder / "rectangle.py") == (before + ghost + after).encode()


def the_starter_suggests_what_can_be_dismissed_and_accepted(editor):
    before, after = editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    assert editor.text() == before + after
    editor.terminal.type(CTRL_BRACKET)
    editor.no_ghost()
    assert editor.text() == before + after
    editor.terminal.type(ALT_N)
    editor.settled_ghost()
    suggested = editor.suggested()
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == before + suggested + after)
    return repr(suggested)


the_starter_suggests_what_can_be_dismissed_and_accepted.has_starter = True
the_starter_suggests_what_can_be_dismissed_and_accepted.setup = (
    "require('codegemma').setup({ CMD, settings = { confidence = 0 } })"
)


def several_lines_are_accepted_in_whole(editor):
    before, after = editor.open_at("rectangle.py", BLOCK)
    editor.settled_ghost()
    suggested = editor.suggested()
    assert "\n" in suggested, suggested
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == before + suggested + after)


def it_is_accepted_word_by_word(editor):
    before, after = editor.open_at("rectangle.py", LINE)
    ghost = editor.settled_ghost()
    word = re.match(r"\w+|\W+", ghost)[0]
    assert word != ghost, f"the suggestion has one word: {ghost!r}"
    editor.terminal.type(ALT_W)
    editor.until("a word", lambda: editor.text() == before + word + after)
    assert editor.settled_ghost() == ghost[len(word) :]


def it_is_accepted_line_by_line(editor):
    before, after = editor.open_at("rectangle.py", BLOCK)
    editor.settled_ghost()
    _, first, *_ = editor.suggested().split("\n")
    editor.terminal.type(ALT_L)
    editor.until("a line", lambda: editor.text() == before + "\n" + first + after)


def typing_along_keeps_it_in_every_frame(editor):
    before, after = editor.open_at("rectangle.py", BLOCK)
    editor.settled_ghost()
    typed = editor.suggested()[:-1]
    first = len(editor.terminal.frames)
    for key in typed:
        editor.terminal.type("\r" if key == "\n" else key)
        time.sleep(0.03)
    editor.until("the text", lambda: editor.text() == before + typed + after)
    time.sleep(0.2)
    frames = editor.terminal.frames[first:]
    bare = [frame for frame in frames if not frame.painted(GHOST)]
    # On a busy machine a frame may have two keys in it.
    assert 2 * len(frames) >= len(typed), f"only {len(frames)} frames for {len(typed)} keys"
    assert not bare, f"{len(bare)} of {len(frames)} frames have no ghost text; the first is\n{bare[0].text()}"
    return f"{len(typed)} keys, {len(frames)} frames, {len(bare)} without ghost text"


def typing_something_else_takes_it_away(editor):
    before, after = editor.open_at("rectangle.py", LINE)
    ghost = editor.settled_ghost()
    editor.terminal.type("x = 1 #")
    editor.until("the text", lambda: editor.text() == before + "x = 1 #" + after)
    time.sleep(0.5)
    assert editor.suggested() != ghost


def dismissing_lasts_until_something_is_typed(editor):
    editor.open_at("rectangle.py", LINE)
    ghost = editor.settled_ghost()
    editor.terminal.type(CTRL_BRACKET)
    editor.no_ghost()
    editor.terminal.type(ghost[0])
    assert editor.settled_ghost() == ghost[1:]


def accepting_is_one_undo_step(editor):
    before, after = editor.open_at("rectangle.py", LINE)
    ghost = editor.settled_ghost()
    editor.terminal.type(ghost[0])
    editor.until("typed", lambda: editor.text() == before + ghost[0] + after)
    editor.settled_ghost()
    editor.terminal.type(TAB)
    editor.until("accepted", lambda: editor.text() == before + ghost + after)
    editor.terminal.type("  # !" + ESCAPE)
    editor.until("typed on", lambda: editor.text() == before + ghost + "  # !" + after and editor.mode() == "n")
    for step in [ghost, ghost[0], ""]:
        editor.terminal.type("u")
        editor.until(f"undone to {step!r}", lambda step=step: editor.text() == before + step + after)


def a_file_with_carriage_returns_keeps_them(editor):
    before, after = editor.open_at("rectangle.py", BLOCK.replace("\n", "\r\n"))
    assert editor.nvim.current.buffer.options["fileformat"] == "dos"
    ghost = editor.settled_ghost()
    suggested = editor.suggested()
    assert "\n" in suggested and "^M" not in ghost and "\r" not in suggested, repr(suggested)
    editor.terminal.type(TAB)
    before, after = before.replace("\r", ""), after.replace("\r", "")
    editor.until("the text", lambda: editor.text() == before + suggested + after)
    saved = editor.saved(editor.folder / "rectangle.py")
    assert saved == (before + suggested + after).replace("\n", "\r\n").encode(), saved


def emoji_left_of_the_cursor(editor):
    before, after = editor.open_at(
        "rectangle.py", LINE.replace("return 2 *", 'print("größer 😀👍🏽 日本"); return 2 *')
    )
    ghost = editor.settled_ghost()
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == before + ghost + after)


def tabs_stay_tabs(editor):
    before, after = editor.open_at("rectangle.go", GO)
    editor.settled_ghost()
    suggested = editor.suggested()
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() != before + after)
    text = _inserted(editor, before, after)
    assert text.startswith("\n\t") and "    " not in text, repr(text)
    assert text.expandtabs(8) == suggested


def two_files_share_one_server(editor):
    before, after = editor.open_at("rectangle.py", LINE)
    ghost = editor.settled_ghost()
    [first] = editor.servers()
    editor.terminal.type(ESCAPE)
    before, after = GO.split("$0")
    editor.nvim.command(f"edit {editor.write('rectangle.go', before + after)}")
    editor.insert_at(before)
    editor.settled_ghost()
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() != before + after)
    assert editor.servers() == [first]
    editor.terminal.type(ESCAPE)
    editor.nvim.command("silent write | edit rectangle.py")
    editor.insert_at(LINE.partition("$0")[0])
    assert editor.settled_ghost() == ghost


def settings_change_while_it_runs(editor):
    editor.open_at("rectangle.py", LINE)
    ghost = editor.settled_ghost()
    set_python = "require('codegemma').setup({ cmd = ..., settings = { languages = { python = { enabled = %s } } } })"
    cmd = editor.lua("return require('codegemma.config').options.cmd")
    [server] = editor.servers()
    editor.lua(set_python % "false", cmd)
    editor.terminal.type(ghost[0])
    editor.no_ghost()
    editor.lua(set_python % "true", cmd)
    editor.terminal.type(ghost[1])
    assert editor.settled_ghost() == ghost[2:]
    # What is not set any more is as if it never had been.
    editor.lua(set_python % "false", cmd)
    editor.terminal.type(ghost[2])
    editor.no_ghost()
    editor.lua("require('codegemma').setup({ cmd = ... })", cmd)
    editor.terminal.type(ghost[3])
    assert editor.settled_ghost() == ghost[4:]
    assert editor.servers() == [server]


def a_setting_of_the_wrong_type_is_named(editor):
    editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    cmd = editor.lua("return require('codegemma.config').options.cmd")
    editor.lua("require('codegemma').setup({ cmd = ..., settings = { maxTokens = 'many' } })", cmd)
    editor.sees('CodeGemma: codegemma.maxTokens: expected a number above 0, found "many"')
    wrong = "max_file_kib = 'big', colour = 1, keys = { accept = 7 }"
    editor.lua(f"require('codegemma').setup({{ cmd = ..., {wrong} }})", cmd)
    editor.sees("there is no such option; the options are cmd, enabled,")
    messages = "".join(editor.nvim.command_output("messages").split())
    for part in ["max_file_kib: expected a number", "colour: there is no such option", "keys.accept: expected a key"]:
        assert "".join(part.split()) in messages, f"{part!r} is not in {messages}"


def switching_off_and_on(editor):
    editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    editor.nvim.command("CodeGemma disable")
    editor.no_ghost()
    assert editor.lua("return require('codegemma').statusline()") == "CodeGemma off"
    editor.terminal.type("i")
    editor.no_ghost()
    editor.nvim.command("CodeGemma toggle")
    editor.ghost()


def a_killed_server_is_started_again(editor):
    editor.open_at("rectangle.py", LINE)
    ghost = editor.settled_ghost()
    [first] = editor.servers()
    os.kill(first, signal.SIGKILL)
    editor.sees("CodeGemma: the server has ended (signal 9); it is started again in 0.5 s")
    editor.until("another server", lambda: editor.servers() not in ([], [first]))
    editor.until("its being ready", lambda: editor.status()["state"] == "ready")
    editor.terminal.type(ghost[0])
    assert editor.settled_ghost() == ghost[1:]


def restart_starts_another_one(editor):
    editor.open_at("rectangle.py", LINE)
    ghost = editor.settled_ghost()
    [first] = editor.servers()
    editor.nvim.command("CodeGemma restart")
    editor.until("another server", lambda: editor.servers() not in ([], [first]))
    editor.until("its being ready", lambda: editor.status()["state"] == "ready")
    editor.terminal.type(ghost[0])
    assert editor.settled_ghost() == ghost[1:]
    assert "ended" not in editor.nvim.command_output("messages")


def a_missing_model_is_told_with_its_remedy(editor):
    editor.open_at("rectangle.py", LINE)
    editor.sees("/nowhere/model.gguf")
    status = editor.status()
    assert status["state"] == "error" and "/nowhere/model.gguf" in status["message"], status
    editor.nvim.command("CodeGemma status")
    editor.sees("CodeGemma is error: ")
    assert editor.lua("return require('codegemma').statusline()") == "CodeGemma error"


a_missing_model_is_told_with_its_remedy.flags = ["--model", "/nowhere/model.gguf"]


def it_can_be_offered_in_the_menu_too(editor):
    editor.open_at("rectangle.go", GO.replace("{$0", "{\n\treturn r.Wi$0"))
    editor.settled_ghost()
    editor.nvim.command("set completeopt=menuone,noselect")
    editor.terminal.type(OMNI)
    editor.until("the menu", lambda: editor.nvim.funcs.pumvisible() == 1)
    items = editor.nvim.funcs.complete_info(["items"])["items"]
    assert [item["abbr"] for item in items if item["abbr"].startswith("Wi")], items
    editor.no_ghost()
    editor.terminal.type(CTRL_E)
    editor.ghost()


it_can_be_offered_in_the_menu_too.setup = "require('codegemma').setup({ CMD, menu = true })"


def beside_rust_analyzer(editor):
    editor.write("Cargo.toml", rust.MANIFEST)
    before, after = editor.open_at("src/main.rs", rust.MAIN)
    ghost = editor.settled_ghost()
    diagnostics = "return vim.tbl_map(function(it) return it.message end, vim.diagnostic.get(0))"
    editor.until("its diagnostics", lambda: any("u32" in message for message in editor.lua(diagnostics)), 90)
    editor.terminal.type("he")
    ghost = editor.settled_ghost()
    editor.terminal.type(OMNI)
    editor.until("the menu", lambda: editor.nvim.funcs.pumvisible() == 1)
    words = [item["word"] for item in editor.nvim.funcs.complete_info(["items"])["items"]]
    assert words == ["height"], words
    editor.terminal.type(CTRL_E)
    assert editor.settled_ghost() == ghost
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == before + "he" + ghost + after)
    names = editor.lua("return vim.tbl_map(function(it) return it.name end, vim.lsp.get_clients({ bufnr = 0 }))")
    assert sorted(names) == ["codegemma", "rust-analyzer"], names


beside_rust_analyzer.setup = """
vim.o.completeopt = 'menuone,noselect'
vim.api.nvim_create_autocmd('FileType', {
  pattern = 'rust',
  callback = function(event)
    vim.lsp.start({ name = 'rust-analyzer', cmd = { 'rust-analyzer' }, root_dir = vim.fs.root(event.buf, 'Cargo.toml') })
  end,
})
require('codegemma').setup({ CMD })
"""


def a_file_that_is_only_viewed_is_served(editor):
    path = editor.write("rectangle.py", LINE.replace("$0", ""))
    editor.start("-R", path)
    editor.insert_at(LINE.split("$0")[0])
    editor.settled_ghost()


def a_read_only_workspace_is_served(editor):
    before, after = LINE.split("$0")
    path = editor.write("rectangle.py", before + after)
    path.chmod(0o444)
    editor.folder.chmod(0o555)
    editor.start(path)
    editor.insert_at(before)
    ghost = editor.settled_ghost()
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == before + ghost + after)
    editor.terminal.type(ESCAPE + ":write\r")
    editor.sees("E45: 'readonly' option is set")
    assert editor.status()["state"] == "ready"
    editor.folder.chmod(0o755)
    assert os.listdir(editor.folder) == ["rectangle.py"] and path.read_text() == before + after


def what_the_model_sees_is_explained(editor):
    editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    editor.terminal.type(ESCAPE)
    editor.until("normal mode", lambda: editor.mode() == "n")
    editor.nvim.command("CodeGemma explain")
    editor.until("the window", lambda: "What the model sees:" in editor.text())
    report = editor.text()
    assert re.search(r"^in +tokens  source +path +why\nyes +\d+ +path +rectangle.py  \S", report, re.MULTILINE), report
    assert "return self.width * self.height" in report.partition("What the model sees:")[2], report
    assert editor.nvim.current.buffer.options["buftype"] == "nofile"
    return report.partition("\n\nWhat")[0].partition("\n\n")[2].replace("\n", " | ")


def the_models_of_the_machine_are_listed(editor):
    editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    editor.terminal.type(ESCAPE)
    editor.until("normal mode", lambda: editor.mode() == "n")
    editor.nvim.command("CodeGemma models")
    editor.until("the window", lambda: "fills in the middle" in editor.text())
    assert re.search(r"^starter +gemma +5M +Q8_0", editor.text(), re.MULTILINE), editor.text()
    assert "codegemma-2b:q4_k_m" in editor.text()


# Stands in for the command line: what it says is what `codegemma-complete model pull --json` says.
PULLS = """#!/bin/sh
echo "$@" >"$(dirname "$0")/words"
echo '{"event":"progress","bytes":500000000,"total":1000000000}'
sleep 1
echo '{"event":"%s","name":"codegemma-2b:q4_k_m","message":"the disk is full"}'
"""


def a_model_is_pulled(editor):
    editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    editor.terminal.type(ESCAPE)
    editor.until("normal mode", lambda: editor.mode() == "n")
    programs = editor.home / "programs"
    programs.mkdir()
    (programs / "codegemma-lsp").symlink_to(binary.server())
    editor.lua("require('codegemma.config').options.cmd = ...", [str(programs / "codegemma-lsp")])
    editor.lua("vim.fn.confirm = function(question) vim.g.asked = question return 1 end")

    def ends_with(event, words):
        (programs / "codegemma-complete").write_text(PULLS % event)
        (programs / "codegemma-complete").chmod(0o755)
        editor.nvim.command("CodeGemma pull codegemma-2b")
        editor.sees("codegemma-2b, 50 % of 1.0 GB")
        editor.sees(words)

    ends_with("done", "codegemma-2b:q4_k_m is here; it is used with settings")
    assert (programs / "words").read_text() == "model pull --yes --json codegemma-2b\n"
    assert "Gemma Terms of Use" in editor.nvim.vars["asked"]
    ends_with("error", "codegemma-2b was not pulled: the disk is full")


def checkhealth_finds_no_fault(editor):
    editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    editor.terminal.type(ESCAPE)
    editor.nvim.command("checkhealth codegemma")
    report = editor.text()
    for part in ["its version is", "it is ready", "accept: <Tab>"]:
        assert part in report, report
    assert "ERROR" not in report and "WARNING" not in report, report


def checkhealth_before_start_up_is_done_finds_no_fault(editor):
    editor.start("+checkhealth codegemma")
    report = editor.text()
    for part in ["its version is", "it is off: the server has not been started", "accept: <Tab>, from the end of start-up on"]:
        assert part in report, report
    assert "ERROR" not in report and "WARNING" not in report, report


# Nobody sets up there, and the defaults come only when start-up is done.
checkhealth_before_start_up_is_done_finds_no_fault.setup = (
    "vim.env.PATH = vim.fs.dirname(({ CMD }).cmd[1]) .. ':' .. vim.env.PATH"
)


def the_command_alone_says_the_status(editor):
    editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    editor.until("being ready", lambda: editor.status()["state"] == "ready")
    editor.terminal.type(ESCAPE)
    assert editor.nvim.command_output("CodeGemma") == editor.nvim.command_output("CodeGemma status")
    assert editor.nvim.command_output("CodeGemma").startswith("CodeGemma is ready (")


def a_notebook_s_json_is_left_alone(editor):
    line = LINE.splitlines()[-1]
    editor.open_at("shapes.ipynb", '{\n "cells": [\n  {\n   "source": [\n    "' + line + '"\n')
    editor.until("the reason", lambda: editor.status().get("lastRequest", {}).get("reason") == "raw-notebook")
    editor.no_ghost()


def a_notebook_that_a_plugin_shows_as_a_script_is_completed(editor):
    before, after = LINE.split("$0")
    editor.write("shapes.py", before + after)
    editor.open("shapes.ipynb", "{}")
    editor.insert_at(before)
    editor.settled_ghost()


# What such plugins do.
a_notebook_that_a_plugin_shows_as_a_script_is_completed.setup = """
vim.api.nvim_create_autocmd('BufReadCmd', { pattern = '*.ipynb', callback = function(event)
  local script = vim.fn.readfile(vim.fn.fnamemodify(event.file, ':r') .. '.py')
  vim.api.nvim_buf_set_lines(event.buf, 0, -1, false, script)
  vim.bo[event.buf].filetype = 'python'
end })
require('codegemma').setup({ CMD })
"""


def the_status_line_says_what_it_does(editor):
    editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    editor.until("being ready", lambda: editor.lua("return require('codegemma').statusline()") == "CodeGemma")
    editor.nvim.command("setfiletype python | enew")
    assert editor.lua("return require('codegemma').statusline()") == "CodeGemma off"


def quitting_leaves_no_process(editor):
    editor.open_at("rectangle.py", LINE)
    editor.settled_ghost()
    [server] = editor.servers()
    editor.terminal.type(ESCAPE + ":qall!\r")
    editor.terminal.process.wait(10)
    begin = time.monotonic()
    while os.path.exists(f"/proc/{server}"):
        assert time.monotonic() - begin < 5, f"the server (process {server}) is still there"
        time.sleep(0.01)
    return f"the server was gone {(time.monotonic() - begin) * 1000:.0f} ms after the editor"


def the_picture_in_the_readme_shows_this(editor):
    editor.open_at("stack.py", picture.STACK + "        $0\n")
    editor.settled_ghost()
    frame = editor.terminal.frame()
    last = next(y for y, line in enumerate(frame.lines()) if line.startswith("~"))
    picture.check(PLUGIN / "ghost-text.svg", picture.svg(frame, last=last, columns=72))


# The one that is of a fixed version here.
the_picture_in_the_readme_shows_this.versions = ["0.11"]
the_picture_in_the_readme_shows_this.setup = "vim.o.number = true\nrequire('codegemma').setup({ CMD })"

SCENARIOS = [value for name, value in list(globals().items()) if callable(value) and not name.startswith("_")]
