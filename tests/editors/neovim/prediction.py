"""What a plain editor would have in its buffer after any sequence of typing, accepting, undoing and moving, and the
comparison of Neovim with it."""

import random
import re
import time

from harness.script import SUGGESTIONS, suggest
from scenarios import CTRL_BRACKET, ESCAPE, TAB
from scripted import scenario

SEQUENCES = 200
STEPS = 8
# As they go past the terminal.
BACKSPACE, ALT_W, ALT_L = "<BS>", "<M-w>", "<M-l>"
START = "first line\n\tindented, größer\n\n日本 😀 (x) [y] {z}\nlast\n"
TYPED = ["a", "word ", "é", "😀", "\t", "\n", "日", ")", "]", "} ", "0"]

# What Neovim must agree on: text, mode, cursor, and what is drawn.
STATE = r"""
local row, col = unpack(vim.api.nvim_win_get_cursor(0))
local lines = vim.api.nvim_buf_get_lines(0, 0, -1, true)
local before = vim.list_slice(lines, 1, row)
before[row] = before[row]:sub(1, col)
local text = table.concat(lines, '\n') .. '\n'
return { text, vim.api.nvim_get_mode().mode, table.concat(before, '\n'), require('codegemma').is_visible() }
"""


class Plain:
    """Text, a cursor, steps to undo, and the suggestion for the place."""

    def __init__(self, text):
        self.text = text
        self.cursor = 0
        self.undo_steps = []
        self.changed_from = None
        self.dismissed = False

    @property
    def before(self):
        return self.text[: self.cursor]

    def suggestion(self):
        """What is still to be inserted and what it replaces, or None."""
        after = self.text[self.cursor :]
        found = None if self.dismissed else suggest(self.before, after.partition("\n")[0])
        return found if found and found[0] != found[1] else None

    def change(self, inserted, removed_before=0, removed_after=0):
        if self.changed_from is None:
            self.changed_from = self.text
        start, end = self.cursor - removed_before, self.cursor + removed_after
        self.text = self.text[:start] + inserted + self.text[end:]
        self.cursor = start + len(inserted)
        self.dismissed = False

    def end_step(self):
        if self.changed_from is not None:
            self.undo_steps.append(self.changed_from)
            self.changed_from = None

    def accept(self, part):
        rest, replaced = self.suggestion()
        piece = part(rest)
        self.end_step()
        self.change(piece, removed_after=len(replaced) if piece == rest else 0)
        self.end_step()

    def undo(self):
        self.end_step()
        if self.undo_steps:
            self.text = self.undo_steps.pop()


def word(rest):
    """Up to the end of the first word or run of signs; letters beyond ASCII are those of words."""
    first_word = re.match(r"\s*[a-zA-Z0-9_\x80-\U0010ffff]+", rest)
    signs = re.match(r"\s*[^\sa-zA-Z0-9_\x80-\U0010ffff]+", rest)
    return (first_word or signs or [rest])[0]


def line(rest):
    return re.match(r"\n?[^\n]*", rest)[0]


def keys(typed):
    """The keys that type a text. A tab is typed behind Ctrl-V, as it would accept what is seen."""
    return typed.replace("\n", "\r").replace("\t", "\x16\t")


def step(plain, dice):
    """Does something in the plain editor, and returns the keys that do it in Neovim."""
    accept = [(TAB, lambda rest: rest), (ALT_W, word), (ALT_L, line)]
    if plain.suggestion():
        what = dice.choices(["accept", "along", "rush", "dismiss", "type"], [4, 3, 2, 1, 1])[0]
        rest, _ = plain.suggestion()
        if what == "accept":
            key, part = dice.choice(accept)
            plain.accept(part)
            return key
        if what in ("along", "rush"):
            typed = rest[: dice.randint(1, len(rest))]
            plain.change(typed)
            # Nobody waits here for the answer to what has been typed.
            if what == "rush" and plain.suggestion():
                key, part = dice.choice(accept)
                plain.accept(part)
                return keys(typed) + key
            return keys(typed)
        if what == "dismiss":
            plain.dismissed = True
            return CTRL_BRACKET
    what = dice.choices(["mark", "type", "backspace"], [5, 3, 1])[0]
    if what == "backspace" and plain.cursor:
        plain.change("", removed_before=1)
        return BACKSPACE
    typed = f"@{dice.randrange(len(SUGGESTIONS))}" if what == "mark" else dice.choice(TYPED)
    plain.change(typed)
    return keys(typed)


def agree(editor, plain, mode, done):
    """Waits until Neovim has what the plain editor has."""
    expected = [plain.text, mode, plain.before, plain.suggestion() is not None and mode == "i"]
    deadline = time.monotonic() + 5
    while (found := editor.lua(STATE)) != expected:
        if time.monotonic() > deadline:
            raise AssertionError(f"after {done}:\nexpected {expected}\n   found {found}")
    if expected[3] and not plain.dismissed:
        rest, _ = plain.suggestion()
        drawn = "".join(editor.suggested().split())
        assert drawn == "".join(rest.split()), f"after {done}: {drawn!r} is drawn for {rest!r}"


def insert(editor, plain, dice):
    """Goes somewhere and begins to insert."""
    plain.cursor = dice.randrange(len(plain.text))
    plain.dismissed = False
    row, column = plain.before.count("\n") + 1, len(plain.before.rpartition("\n")[2].encode())
    editor.nvim.current.window.cursor = (row, column)
    editor.nvim.input("A" if plain.text[plain.cursor] == "\n" else "i")


def play(editor, newline, seed):
    """One sequence in a file of its own. It ends with the comparison of what is saved."""
    dice = random.Random(seed)
    path = editor.write(f"{seed}.txt", START.replace("\n", newline))
    editor.nvim.command(f"silent edit {path}")
    plain = Plain(START)
    done = [f"sequence {seed}"]
    insert(editor, plain, dice)
    for _ in range(STEPS):
        agree(editor, plain, "i", done)
        if dice.random() < 0.15:
            editor.nvim.input(ESCAPE)
            editor.nvim.input("u")
            plain.undo()
            done.append("undo")
            while editor.lua(STATE)[:2] != [plain.text, "n"]:
                pass
            insert(editor, plain, dice)
        else:
            typed = step(plain, dice)
            done.append(typed)
            editor.nvim.input(typed)
    agree(editor, plain, "i", done)
    editor.nvim.input(ESCAPE)
    while editor.mode() != "n":
        pass
    assert editor.saved(path) == plain.text.replace("\n", newline).encode(), done
    editor.nvim.command("silent bwipeout!")


@scenario()
def the_text_is_always_what_a_plain_editor_predicts(editor):
    editor.open("a.txt", "")
    editor.until("the server", lambda: editor.servers() != [])
    for seed in range(SEQUENCES):
        play(editor, ["\n", "\r\n"][seed % 2], seed)
    return f"{SEQUENCES} sequences of {STEPS} steps"
