"""Neovim in a terminal, with the plugin installed as a package in a home of its own, watched through its RPC socket."""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pynvim
from harness import binary
from harness.terminal import Terminal

PLUGIN = Path(__file__).resolve().parents[3] / "editors" / "neovim"
# The colour of ghost text in the tests, by which it is found on the screen.
GHOST = "7f8ea3"

# Swap files are off because editors are killed here; without indenting, what is typed is what arrives; long messages
# have room, so that none waits for a key. The look for a Python to write plugins in would take seconds.
INIT = """
vim.o.termguicolors = true
vim.o.swapfile = false
vim.g.loaded_python3_provider = 0
vim.o.autoindent = false
vim.cmd('filetype plugin on | filetype indent off')
vim.o.cmdheight = 10
vim.api.nvim_set_hl(0, 'CodeGemmaSuggestion', { fg = '#%s' })
%s
"""

# Puts together what is drawn of a suggestion: over the text, behind that, and below.
DRAWN = """
local namespace = vim.api.nvim_get_namespaces().codegemma
local first, below = '', ''
for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
  for _, chunk in ipairs(mark[4].virt_text or {}) do
    first = first .. chunk[1]
  end
  for _, line in ipairs(mark[4].virt_lines or {}) do
    below = below .. '\\n' .. line[1][1]
  end
end
return first .. below
"""


class Neovim:
    """A running Neovim. `program` may need `runtime`, the folder of its own scripts."""

    def __init__(self, program, runtime, setup, cmd, lines=40):
        self.home = Path(tempfile.mkdtemp(prefix="codegemma-neovim-"))
        self.folder = self.home / "project"
        self.folder.mkdir()
        package = self.home / ".local/share/nvim/site/pack/plugins/start/codegemma"
        package.parent.mkdir(parents=True)
        package.symlink_to(PLUGIN)
        (self.home / ".config/nvim").mkdir(parents=True)
        words = ", ".join(f"[[{word}]]" for word in cmd)
        init = setup.replace("CMD", f"cmd = {{ {words} }}")
        (self.home / ".config/nvim/init.lua").write_text(INIT % (GHOST, init))
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "CODEGEMMA_SCRIPT": str(binary.SCRIPT),
            **({"VIMRUNTIME": str(runtime)} if runtime else {}),
        }
        self._program = str(program)
        self._lines = lines
        self.terminal = None
        self.nvim = None
        self._pid = None

    def start(self, *arguments):
        """Starts the editor with a file, or whatever else it may be told."""
        socket = self.home / "socket"
        command = [self._program, "--listen", str(socket), *map(str, arguments)]
        self.terminal = Terminal(command, self.folder, self._environment, lines=self._lines)
        deadline = time.monotonic() + 10
        while not self.nvim:
            try:
                self.nvim = pynvim.attach("socket", path=str(socket))
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self.answer_prompt()
        # What is in the terminal is a client of another one that it has started.
        self._pid = self.nvim.funcs.getpid()
        self.until("its start", lambda: self.nvim.vvars["vim_did_enter"] == 1)

    def write(self, name, text):
        """Makes a file in the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def open(self, name, text):
        """Starts the editor with a file that has this text."""
        self.start(self.write(name, text))

    def open_at(self, name, marked):
        """Starts the editor with a file, in insert mode where `$0` stands in it."""
        before, after = marked.split("$0")
        self.open(name, before + after)
        self.insert_at(before)
        return before, after

    def insert_at(self, before):
        """Begins to insert behind a text."""

        def mode():
            self.answer_prompt()
            return self.mode()

        self.until("normal mode", lambda: mode() == "n")
        row, column = before.count("\n") + 1, len(before.replace("\r", "").rpartition("\n")[2].encode())
        self.nvim.current.window.cursor = (row, column)
        at_end = column >= len(self.nvim.current.line.encode())
        # No key is typed for it, nor is its answer waited for: a message may be in the way.
        self.nvim.command("startinsert!" if at_end else "startinsert", async_=True)
        self.until("insert mode", lambda: mode() == "i")

    def lua(self, code, *arguments):
        self.answer_prompt()
        return self.nvim.exec_lua(code, *arguments)

    def answer_prompt(self):
        """Presses Enter where a message waits for that, as errors do in Neovim 0.10: nothing is answered before."""
        while self.nvim.api.get_mode()["blocking"]:
            self.terminal.type("\r")
            time.sleep(0.05)

    def mode(self):
        return self.nvim.api.get_mode()["mode"]

    def text(self):
        """The text of the buffer, as Neovim has it: lines end with `\\n` whatever is in the file."""
        return "".join(line + "\n" for line in self.nvim.current.buffer[:])

    def saved(self, path):
        """Writes the buffer, and returns the bytes of its file."""
        self.nvim.command("silent write")
        return Path(path).read_bytes()

    def status(self):
        return self.lua("return require('codegemma').status()")

    def until(self, what, holds, seconds=10):
        """Waits until something is so."""
        return self.terminal.wait(what, lambda _: holds(), seconds)

    def ghost(self, seconds=10):
        """Waits for ghost text, and returns it."""
        return self.terminal.wait("ghost text", lambda frame: frame.painted(GHOST), seconds).painted(GHOST)

    def settled_ghost(self):
        """The ghost text once the server has answered for the last time."""
        self.ghost()
        before, since = None, time.monotonic()
        while time.monotonic() - since < 0.4:
            now = self.terminal.frame().painted(GHOST)
            if now != before:
                before, since = now, time.monotonic()
            time.sleep(0.02)
        assert before, "the ghost text has gone again"
        return before

    def suggested(self):
        """The suggestion that is drawn, with spaces for tabs, and without what a space stands for at its end."""
        return self.lua(DRAWN)

    def no_ghost(self):
        """Waits until there is no ghost text, and makes sure that none comes."""
        self.terminal.wait("the end of the ghost text", lambda frame: not frame.painted(GHOST))
        time.sleep(0.5)
        painted = self.terminal.frame().painted(GHOST)
        assert not painted, f"there is ghost text: {painted!r}"

    def sees(self, words, seconds=10):
        """Waits until words stand on the screen, wherever its lines break, or have stood there lately."""
        squeezed = "".join(words.split())
        looked_at = max(len(self.terminal.frames) - 20, 0)

        def holds(_):
            nonlocal looked_at
            frames = self.terminal.frames[looked_at:]
            looked_at += len(frames)
            if any(squeezed in "".join(frame.text().split()) for frame in frames):
                return True
            self.answer_prompt()
            return False

        self.terminal.wait(f"{words!r} on the screen", holds, seconds)
        self.answer_prompt()

    def servers(self):
        """The processes of the servers that Neovim has started."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
                is_real, is_scripted = words[0].endswith("/codegemma-lsp"), "scripted_server.py" in " ".join(words)
                if (is_real or is_scripted) and parent(path.name) == self._pid:
                    found.append(int(path.name))
            except OSError:
                # It has ended meanwhile.
                continue
        return found

    def close(self):
        if self.nvim:
            self.nvim.close()
        if self._pid:
            # It goes with its terminal, unless it waits for a key.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        if self.terminal:
            self.terminal.close()
        shutil.rmtree(self.home, ignore_errors=True)


def parent(process):
    """The parent of a process."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
