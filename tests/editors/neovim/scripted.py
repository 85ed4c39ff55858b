"""What a model cannot be relied on to do, with a server that follows a script: several candidates, paired brackets,
other servers and plugins, faults. Each function gets a Neovim that has not been started."""

import json
import sys
import time
from pathlib import Path

from harness.script import SUGGESTIONS
from scenarios import ALT_N, ALT_W, CTRL_BRACKET, CTRL_E, ESCAPE, OMNI, TAB

SCRIPTED = [sys.executable, Path(__file__).resolve().parents[1] / "harness" / "scripted_server.py"]
ALT_P = "\x1bp"

# A second server for every buffer, with a menu of one item.
BESIDE = f"""
vim.o.completeopt = 'menuone,noselect'
vim.api.nvim_create_autocmd('FileType', {{
  callback = function(event)
    local cmd = {{ [[{SCRIPTED[0]}]], [[{SCRIPTED[1]}]], '--name', 'other', '--item', 'other_item' }}
    vim.lsp.start({{ name = 'other', cmd = cmd }})
  end,
}})
require('codegemma').setup({{ CMD }})
"""

# What nvim-cmp and blink.cmp offer to others, by their documentation: whether their menu is open, and word of it.
CMP = """
local on = {}
package.loaded['cmp'] = {
  visible = function() return vim.g.menu == 1 end,
  event = { on = function(_, name, run) on[name] = run end },
}
function Menu(open)
  vim.g.menu = open and 1 or 0
  on[open and 'menu_opened' or 'menu_closed']()
end
require('codegemma').setup({ CMD })
"""
BLINK = """
package.loaded['blink.cmp'] = { is_menu_visible = function() return vim.g.menu == 1 end }
function Menu(open)
  vim.g.menu = open and 1 or 0
  vim.api.nvim_exec_autocmds('User', { pattern = open and 'BlinkCmpMenuOpen' or 'BlinkCmpMenuClose' })
end
require('codegemma').setup({ CMD })
"""

OWN_GHOST_TEXT = """
if vim.lsp.inline_completion then
  vim.lsp.inline_completion.enable()
end
require('codegemma').setup({ CMD })
"""


def scenario(setup=None, cmd=SCRIPTED):
    """Says with which options and which server a scenario is played."""

    def mark(function):
        if setup:
            function.setup = setup
        function.cmd = cmd
        SCENARIOS.append(function)
        return function

    return mark


SCENARIOS = []


@scenario()
def other_candidates_are_shown_in_turn(editor):
    editor.open_at("a.txt", "x = @0$0\n")
    first = SUGGESTIONS[0][0]
    assert editor.settled_ghost() == first
    for key, expected in [
        (ALT_N, first + " alternative 1"),
        (ALT_N, first + " alternative 2"),
        (ALT_N, first),
        (ALT_P, first + " alternative 2"),
        (ALT_P, first + " alternative 1"),
    ]:
        editor.terminal.type(key)
        editor.until(expected, lambda expected=expected: editor.suggested() == expected)
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == f"x = @0{first} alternative 1\n")


@scenario()
def a_suggestion_can_be_asked_for(editor):
    editor.open_at("a.txt", "x = @0$0\n")
    editor.settled_ghost()
    editor.terminal.type(CTRL_BRACKET)
    editor.no_ghost()
    editor.terminal.type(ALT_N)
    assert editor.settled_ghost() == SUGGESTIONS[0][0]


@scenario()
def what_an_editor_pairs_in_is_replaced(editor):
    editor.open_at("a.txt", "call@1($0)\n")
    # As it stands on the screen: what is suggested covers the bracket, and ends with its own.
    assert editor.settled_ghost() == "first, second)"
    assert editor.terminal.frame().lines()[0] == "call@1(first, second)"
    editor.terminal.type("fir")
    editor.until("typing along", lambda: editor.suggested() == "st, second)")
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == "call@1(first, second)\n")


@scenario(setup="vim.keymap.set('i', '(', '()<Left>')\nrequire('codegemma').setup({ CMD })")
def a_plugin_that_pairs_brackets_takes_nothing_away(editor):
    editor.open_at("a.txt", "call@1$0\n")
    assert editor.settled_ghost() == "(first, second)"
    begin = len(editor.terminal.frames)
    editor.terminal.type("(")
    editor.until("the pair", lambda: editor.text() == "call@1()\n")
    editor.until("the rest", lambda: editor.suggested() == "first, second)")
    assert all("first, second" in frame.text() for frame in editor.terminal.frames[begin:])
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == "call@1(first, second)\n")


@scenario()
def the_rest_of_the_line_is_shown_where_it_will_stand(editor):
    editor.open_at("a.txt", "if@2$0 // end\n")
    editor.settled_ghost()
    lines = [line.rstrip() for line in editor.terminal.frame().lines()[:3]]
    assert lines == ["if@2 {", "        return größe;", "} // end"], lines
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == "if@2 {\n\treturn größe;\n} // end\n")


@scenario()
def keys_do_what_they_did_where_nothing_is_suggested(editor):
    editor.open_at("a.txt", "x$0\n")
    editor.terminal.type(TAB)
    editor.until("a tab", lambda: editor.text() == "x\t\n")
    editor.terminal.type("y" + ALT_W)
    editor.until("the escape and the motion", lambda: editor.mode() == "n")


@scenario(setup="vim.keymap.set('i', '<Tab>', 'global')\nrequire('codegemma').setup({ CMD })")
def mappings_of_the_user_stay(editor):
    editor.open_at("a.txt", "$0\n")
    editor.terminal.type(TAB)
    editor.until("the mapping", lambda: editor.text() == "global\n")
    editor.lua("vim.keymap.set('i', '<Tab>', function() return 'local' end, { buffer = true, expr = true })")
    editor.terminal.type(TAB)
    editor.until("the buffer's mapping", lambda: editor.text() == "globallocal\n")
    editor.terminal.type("@0")
    editor.settled_ghost()
    editor.terminal.type(TAB)
    text = "globallocal@0" + SUGGESTIONS[0][0]
    editor.until("the suggestion", lambda: editor.text() == text + "\n")
    editor.terminal.type(TAB)
    editor.until("the buffer's mapping again", lambda: editor.text() == text + "local\n")


@scenario(setup="require('codegemma').setup({ CMD, keys = false })")
def without_keys_there_are_functions(editor):
    editor.open_at("a.txt", "@0$0\n")
    editor.settled_ghost()
    editor.terminal.type(TAB)
    editor.until("a tab", lambda: editor.text() == "@0\t\n")
    editor.terminal.type("\x7f")
    editor.settled_ghost()
    assert editor.lua("return require('codegemma').accept_word()") is True
    editor.until("a word", lambda: editor.text() == "@0value\n")
    assert editor.lua("return require('codegemma').accept()") is True
    editor.until("the suggestion", lambda: editor.text() == "@0value + 1\n")
    assert editor.lua("return require('codegemma').accept()") is False


@scenario(cmd=[*SCRIPTED, "--log", "commands"])
def the_server_is_told_what_is_done_with_a_suggestion(editor):
    log = editor.folder / "commands"
    editor.open_at("a.txt", "@0$0\n")
    for key, done in [(ALT_W, "partiallyAccepted"), (CTRL_BRACKET, "dismissed"), (" ", None), (TAB, "accepted")]:
        if key != " ":
            editor.settled_ghost()
        editor.terminal.type(key)
        if done:
            editor.until(done, lambda done=done: log.exists() and f"codegemma.{done}" in log.read_text())
    commands = [json.loads(line) for line in log.read_text().splitlines()]
    names = [name.removeprefix("codegemma.") for name, _ in commands]
    assert names == ["partiallyAccepted", "dismissed", "accepted"]
    assert all(arguments == [0] for _, arguments in commands), f"not those of the item's command: {commands}"


@scenario(cmd=[*SCRIPTED, "--log", "told"])
def the_server_is_told_of_each_repository(editor):
    for name in ["one", "two"]:
        (editor.folder / name / ".git").mkdir(parents=True)
        editor.write(f"{name}/a.txt", "@0\n")
        editor.write(f"{name}/b.txt", "@0\n")
    log = editor.folder / "told"
    editor.start(editor.folder / "one" / "a.txt")
    for name in ["one/b.txt", "two/a.txt", "two/b.txt", "one/a.txt"]:
        editor.nvim.command(f"silent edit {editor.folder / name}")
        editor.until("its server", lambda: editor.lua("return #vim.lsp.get_clients({ bufnr = 0, name = 'codegemma' })") == 1)
    folder = {"uri": f"file://{editor.folder}/two", "name": f"{editor.folder}/two"}
    editor.until("the other repository", log.exists)
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        ["workspace/didChangeWorkspaceFolders", {"added": [folder], "removed": []}]
    ]


@scenario(setup=BESIDE)
def another_server_in_the_same_buffer(editor):
    editor.open_at("a.txt", "@2 $0\n")
    editor.settled_ghost()
    assert editor.suggested() == "{\n        return größe;\n}"
    hover = """
        local client = vim.lsp.get_clients({ name = 'other' })[1]
        local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
        return vim.lsp.buf_request_sync(0, 'textDocument/hover', params, 3000)[client.id].result.contents
    """
    assert editor.lua(hover) == "hover of other"
    editor.terminal.type(OMNI)
    editor.until("the menu", lambda: editor.nvim.funcs.pumvisible() == 1)
    items = [item["abbr"] for item in editor.nvim.funcs.complete_info(["items"])["items"]]
    assert items == ["other_item"], items
    # The menu has the screen for itself, and the ghost text comes back.
    editor.no_ghost()
    editor.terminal.type(CTRL_E)
    editor.settled_ghost()
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == f"@2{SUGGESTIONS[2][0]}\n")


def _gives_way_to_a_menu(editor):
    editor.open_at("a.txt", "x = @0$0\n")
    editor.settled_ghost()
    editor.lua("Menu(true)")
    editor.no_ghost()
    # The key is that of the menu meanwhile.
    editor.terminal.type(TAB)
    editor.until("a tab", lambda: editor.text() == "x = @0\t\n")
    editor.terminal.type("\x7f")
    editor.until("its end", lambda: editor.text() == "x = @0\n")
    editor.no_ghost()
    editor.lua("Menu(false)")
    editor.settled_ghost()
    editor.terminal.type(TAB)
    editor.until("the text", lambda: editor.text() == f"x = @0{SUGGESTIONS[0][0]}\n")


@scenario(setup=CMP)
def it_gives_way_to_the_menu_of_nvim_cmp(editor):
    _gives_way_to_a_menu(editor)


@scenario(setup=BLINK)
def it_gives_way_to_the_menu_of_blink_cmp(editor):
    _gives_way_to_a_menu(editor)


@scenario(setup=OWN_GHOST_TEXT)
def the_editors_own_ghost_text_does_not_double_it(editor):
    editor.open_at("a.txt", "x@0$0\n")
    editor.settled_ghost()
    time.sleep(0.5)
    assert editor.terminal.frame().lines()[0] == "x@0" + SUGGESTIONS[0][0]


@scenario(cmd=["/nowhere/codegemma-lsp"])
def a_missing_program_is_told_with_its_remedy(editor):
    editor.open_at("a.txt", "$0\n")
    editor.sees("CodeGemma: the server `/nowhere/codegemma-lsp` is not installed, or not on the PATH; `cargo install")
    assert editor.status()["state"] == "error"
    editor.terminal.type(ESCAPE)
    editor.nvim.command("checkhealth codegemma")
    assert "is not installed, or not on the PATH" in editor.text()


@scenario(cmd=[*SCRIPTED, "--version", "0.0.1"])
def a_server_that_is_too_old_is_named(editor):
    editor.open_at("a.txt", "@0$0\n")
    editor.sees("is version 0.0.1, this plugin needs")
    editor.settled_ghost()


@scenario(cmd=[*SCRIPTED, "--name", "clangd", "--item", "x"])
def another_program_in_its_place_is_named(editor):
    editor.open_at("a.txt", "@0$0\n")
    editor.sees("is clangd, not codegemma-lsp; set `cmd` in setup()")
    assert editor.status()["state"] == "error"
    editor.until("its end", lambda: editor.servers() == [])


@scenario(cmd=["/bin/sh", "-c", "sleep 0.1; exit 3"])
def a_server_that_keeps_crashing_is_left_alone(editor):
    editor.open_at("a.txt", "@0$0\n")
    editor.sees("the server has ended (exit code 3); it is started again in 0.5 s")
    editor.sees("the server has ended 4 times (exit code 3) and is not started again; :CodeGemma log may say why", 20)
    assert editor.status()["state"] == "error"
    working = [str(word) for word in SCRIPTED]
    editor.lua("require('codegemma.config').options.cmd = ...", working)
    editor.nvim.command("CodeGemma restart")
    editor.ghost()


@scenario()
def files_that_are_left_alone_are_named(editor):
    editor.open_at("big.txt", "x" * 99 + "\n" + ("y" * 99 + "\n") * 100_000 + "@0$0\n")
    editor.sees("big.txt has 9765 KiB; nothing is suggested in files of more than 1024 KiB (max_file_kib)")
    editor.no_ghost()
    assert editor.status()["state"] == "off" and "max_file_kib" in editor.status()["message"]
    editor.terminal.type(ESCAPE)
    editor.nvim.command("enew! | setfiletype text")
    editor.sees("the buffer has no name; suggestions begin when it is saved")
    editor.terminal.type("i@0")
    editor.no_ghost()
    editor.terminal.type(ESCAPE)
    editor.nvim.command("silent write now_it_has_one.txt")
    editor.terminal.type("A")
    assert editor.settled_ghost() == SUGGESTIONS[0][0]
    editor.terminal.type(ESCAPE)
    editor.nvim.command("new")
    editor.lua("vim.api.nvim_buf_set_name(0, 'sftp://host/a.txt') vim.bo.filetype = 'text'")
    editor.sees("sftp://host/a.txt is not a file on this machine; nothing is suggested in it")


@scenario()
def commands_name_themselves(editor):
    editor.open_at("a.txt", "$0\n")
    names = editor.nvim.funcs.getcompletion("CodeGemma ", "cmdline")
    expected = ["disable", "enable", "explain", "log", "models", "pull", "pull-cancel", "restart", "status", "toggle"]
    assert names == expected, names
    editor.terminal.type(ESCAPE + ":CodeGemma dance\r")
    editor.sees("there is no `:CodeGemma dance`; there are disable, enable,")
    editor.terminal.type(ESCAPE)
    editor.nvim.command("CodeGemma log")
    assert editor.nvim.current.buffer.name.endswith("lsp.log")
    editor.nvim.command("tabclose | helptags ALL | help codegemma")
    assert editor.nvim.current.buffer.name.endswith("codegemma.txt")
