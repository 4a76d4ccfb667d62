"""`git mlvc repro` as a person sees it, at a real terminal."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

STAGES = b"""\
[stage.train]
matrix = {model = ["a", "b"]}
cmd = "trap 'echo saved; exit 1' TERM; cat go-${item.model}; echo done > out-${item.model}"
outs = ["out-${item.model}"]
"""

ENTER = "import os, sys; os.login_tty(int(sys.argv[1])); os.execvp(sys.argv[2], sys.argv[2:])"


class Terminal:
    """A terminal of 80 columns with a program in its foreground."""

    def __init__(self, repo, *words):
        self.said = ""
        self._fd, inside = os.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", ENTER, str(inside), "git", "mlvc", *words],
            cwd=repo.path,
            env={**repo.machine.env(), "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            pass_fds=[inside],
        )
        os.close(inside)

    def read(self):
        """False when the program has ended."""
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return False
        self.said += data.decode().replace("\r\n", "\n")
        return bool(data)

    def until(self, text):
        while text not in self.said:
            assert self.read(), self.said

    def type(self, keys):
        os.write(self._fd, keys)

    def end(self):
        while self.read():
            pass
        os.close(self._fd)
        return self._process.wait()


@contextmanager
def open_fifos(repo):
    """Two stages that wait until something is written for them."""
    for model in "ab":
        os.mkfifo(repo.at(f"go-{model}"))
    fds = {model: os.open(repo.at(f"go-{model}"), os.O_RDWR) for model in "ab"}
    yield fds
    for fd in fds.values():
        os.close(fd)


def test_lines_scroll_above_a_table_that_goes_in_the_end(machine):
    repo = machine.init().write({"mlvc.toml": STAGES})
    with open_fifos(repo) as fds:
        terminal = Terminal(repo, "repro", "-j", "2")
        for model, fd in fds.items():
            os.write(fd, f"epoch 1 of {model}\n  50%\r 100%".encode())
        terminal.until("[train@a] epoch 1 of a\n")
        terminal.until("[train@b] epoch 1 of b\n")
        while not re.search(r"\x1b\[J(?:train@[ab] +\d[^\n]* s  100%\n){2}", terminal.said):
            assert terminal.read(), terminal.said
        terminal.type(b"\x03")  # to us, and once more through git
        assert terminal.end() != 0
    last = terminal.said.rpartition("\x1b[J")[2]
    assert terminal.said.count("saved\n") >= 2  # nobody was killed
    assert "interrupted after" in last
    assert not re.search(r"train@\w +\d", last)


def test_one_at_a_time_shows_every_byte_at_once(machine):
    repo = machine.init().write({"mlvc.toml": STAGES})
    with open_fifos(repo) as fds:
        terminal = Terminal(repo, "repro", "train@a")
        os.write(fds["a"], b"\r 50%")
        terminal.until("train@a: running\n\r 50%")
        os.write(fds["a"], b"\r100%")
        terminal.until("\r 50%\r100%")
        terminal.type(b"\x03")
        assert terminal.end() != 0
    assert "\nsaved\n" in terminal.said
