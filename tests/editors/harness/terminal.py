"""A terminal without a window: runs a program, types into it, and keeps every picture that it paints.

It must not know which program runs.
"""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time

import pyte

# What pyte would print or take for something else: strings for the terminal (titles, questions about its abilities),
# modes and questions of other terminals, and styles of underlines.
FOREIGN = re.compile(
    rb"\x1b[\]P_][^\x07\x1b]*(?:\x07|\x1b\\)"
    rb"|\x1b\[[<>=][0-9;:]*[a-zA-Z]|\x1b\[\?[0-9;]*[nu]|\x1b\[[0-9;]*:[0-9:;]*m"
)
# The beginning of an escape sequence whose end has not arrived.
UNFINISHED = re.compile(rb"\x1b(?:[\]P_][^\x07\x1b]*\x1b?|\[[0-9;:?<>= $]*)?$")

# A program that knows synchronized output says where a picture begins and ends, and shows none that is half done.
ASKS_FOR_SYNCHRONIZATION = b"\x1b[?2026$p"
HAS_SYNCHRONIZATION = b"\x1b[?2026;2$y"
BEGIN, END = b"\x1b[?2026h", b"\x1b[?2026l"


# Root may write what nobody may write, and so finds nothing read-only; an editor's user is not root.
ORDINARY = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []


class Frame:
    """What is on the screen at a time."""

    def __init__(self, screen):
        self.cells = [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]
        self.cursor = (screen.cursor.y, screen.cursor.x)

    def lines(self):
        return ["".join(cell.data for cell in row).rstrip() for row in self.cells]

    def text(self):
        return "\n".join(self.lines())

    def painted(self, colour):
        """What is painted in a colour, given as six hexadecimal digits: line by line, without lines that have none."""
        lines = ("".join(cell.data for cell in row if cell.fg == colour) for row in self.cells)
        return "\n".join(line for line in lines if line.strip())


class Terminal:
    """A running program and its screen."""

    def __init__(self, command, folder, environment, columns=100, lines=24):
        self.frames = []
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._screen.write_process_input = lambda text: os.write(self._master, text.encode())
        self.process = subprocess.Popen(
            [*ORDINARY, *command],
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        """Reads until nobody has the terminal open any more, which is an error of the device."""
        waiting = b""
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                if ASKS_FOR_SYNCHRONIZATION in data:
                    os.write(self._master, HAS_SYNCHRONIZATION)
                waiting = self._paint(waiting + data)

    def _paint(self, data):
        """Paints whole pictures, and returns what has come of the next one."""
        while True:
            before, begin, rest = data.partition(BEGIN)
            unfinished = UNFINISHED.search(before) if not begin else None
            held = before[unfinished.start() :] if unfinished else b""
            self._feed(before[: len(before) - len(held)])
            if not begin:
                return held
            picture, end, data = rest.partition(END)
            if not end:
                return BEGIN + picture
            self._feed(picture)

    def _feed(self, data):
        data = FOREIGN.sub(b"", data)
        if data:
            with self._lock:
                self._stream.feed(data)
                self.frames.append(Frame(self._screen))

    def frame(self):
        """The screen as it is now."""
        with self._lock:
            return Frame(self._screen)

    def type(self, keys):
        """Types text, or sends the codes of keys."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def wait(self, what, holds, seconds=10):
        """Waits until `holds` is true of the screen, and returns that screen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            frame = self.frame()
            if holds(frame):
                return frame
            if self.process.poll() is not None:
                raise AssertionError(f"the editor has ended (exit code {self.process.returncode}) before {what}")
            time.sleep(0.01)
        raise AssertionError(f"{what}: not within {seconds} s")

    def close(self):
        """Ends the program if it has not, with all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # The number of a closed file is given to the next one, from which the reader must not read.
        self._reader.join(timeout=2)
        os.close(self._master)
