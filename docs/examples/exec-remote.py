#!/usr/bin/env python3
"""A remote for `exec:`, as an example to start from: a directory. The protocol: docs/formats/exec.md.

git mlvc remote add lab 'exec:/path/to/exec-remote.py /srv/data' --private --default
"""

import os
import sys
import tempfile
from pathlib import Path

top = Path(sys.argv[1])
requests, answers = sys.stdin.buffer, sys.stdout.buffer


def answer(line: str, body: bytes = b"") -> None:
    answers.write(line.encode() + b"\n" + body)
    answers.flush()


def read(key: str, start: int = 0, length: int = -1) -> None:
    try:
        with (top / key).open("rb") as file:
            file.seek(start)
            body = file.read(length)
        answer(f"data {len(body)}", body)
    except (FileNotFoundError, IsADirectoryError):
        answer("none")


def write(key: str, body: bytes, only_if_absent: bool) -> None:
    path = top / key
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    with open(handle, "wb") as file:  # whole or not at all
        file.write(body)
    try:
        if only_if_absent:
            os.link(temporary, path)
            os.unlink(temporary)
        else:
            os.replace(temporary, path)
        answer("done")
    except FileExistsError:
        os.unlink(temporary)
        answer("there")


answer("git-mlvc-exec 1 write list delete put-if-absent ranges")
for line in requests:
    verb, *words = line.decode().split()
    try:
        if verb == "get":
            read(words[0])
        elif verb == "get-range":
            read(words[0], int(words[1]), int(words[2]))
        elif verb in ("put", "put-if-absent"):
            write(words[0], requests.read(int(words[1])), verb == "put-if-absent")
        elif verb == "stat":
            path = top / words[0]
            answer(f"size {path.stat().st_size}" if path.is_file() else "none")
        elif verb == "list":
            below = top / words[0] if words else top
            for path in below.rglob("*"):
                if path.is_file() and not path.name.startswith("."):
                    answer(f"key {path.stat().st_size} {path.relative_to(top).as_posix()}")
            answer("end")
        elif verb == "delete":
            (top / words[0]).unlink(missing_ok=True)
            answer("done")
        else:
            answer(f"refused no such verb: {verb}")
    except OSError as error:
        answer(f"later {error.strerror}")
