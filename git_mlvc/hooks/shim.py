"""Hook shims: the few lines of POSIX sh that git runs. They ring the bell; Python does the work.

A shim costs one `sh` and nothing else while there is nothing to do: only builtins, no process (law 8).
It comes in two forms with one body. *Standalone* is a whole hook file. A *block* is the same lines
between two markers, put below the `#!` line of somebody else's shell hook, which then runs on as if
nothing had happened: same arguments, same standard input, own exit code.

A standalone shim ends by running the hook of the same name in `<hooks directory>-chained`, where a hook
that is not a shell script is put (`hook_files.py`).
"""

from __future__ import annotations

import re

SHIM_VERSION = 1
FILL_EVENTS = ("post-checkout", "post-merge", "post-commit", "post-rewrite", "post-index-change")
HOOKS = (*FILL_EVENTS, "pre-push", "pre-commit")
CHAINED_SUFFIX = "-chained"

_STANDALONE = b"# git-mlvc hook "
_BEGIN = b"# >>> git-mlvc hook "
_END = b"# <<< git-mlvc hook <<<\n"
# Not zsh: a pattern without a match ends its scripts.
_SHELL = re.compile(
    rb"#![ \t]*(?:/\S*/)?(?:env[ \t]+(?:-S[ \t]+)?)?(?:/\S*/)?(?:ba|da|a|k|mk)?sh(?:[ \t]|$)"
)
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+\Z")
_PROGRAM = re.compile(rb"^mlvc_program=(.*)$", re.M)

# $GIT_DIR, `.git`, or what the `.git` file of a linked worktree or submodule points to: git starts hooks
# at the top of the worktree, or in the repository itself if it is bare.
_GIT_DIR = """\
mlvc_dir=${GIT_DIR:-.git}
if [ -f "$mlvc_dir" ]; then
	IFS= read -r mlvc_dir <"$mlvc_dir" || :
	mlvc_dir=${mlvc_dir#gitdir: }
fi
"""

# `pending.taken.*` is what a fill that was killed had in hand. Git must not fail because of us (law 8):
# whatever our program does, the exit code is 0. $PPID is the git that runs us.
_FILL = (
    _GIT_DIR
    + """\
for mlvc_left in "$mlvc_dir"/mlvc/pending.taken.*; do
	break
done
if { [ -s "$mlvc_dir/mlvc/pending" ] || [ -s "$mlvc_left" ]@AGAIN@; } && [ -z "${MLVC_HOOK-}" ] &&
	[ ! -d "$mlvc_dir/rebase-merge" ] && [ ! -d "$mlvc_dir/rebase-apply" ] &&
	[ ! -d "$mlvc_dir/sequencer" ]; then
	if [ -x "$mlvc_program" ]; then
		MLVC_HOOK=@NAME@ MLVC_GIT=$PPID @LAUNCHER@ hook @NAME@ "$@" </dev/null || :
	else
		echo "git-mlvc: large files stay stubs: $mlvc_program is not there" >&2
	fi
fi
unset mlvc_program mlvc_dir mlvc_left
"""
)

# The same git has written its index once more, from what it remembers: with the stubs' stat data.
_AGAIN = ' || [ -s "$mlvc_dir/mlvc/told.$PPID" ]'

_PRE_COMMIT = (
    _GIT_DIR
    + """\
if [ -s "$mlvc_dir/mlvc/damaged" ] && [ -x "$mlvc_program" ]; then
	mlvc_code=0
	@LAUNCHER@ hook pre-commit "$@" </dev/null || mlvc_code=$?
	# 1 is an answer: damaged stubs are staged. Anything else is our trouble, not the commit's.
	if [ "$mlvc_code" -eq 1 ]; then
		exit 1
	fi
fi
unset mlvc_program mlvc_dir mlvc_code
"""
)

# Standard input is read once and given to both: to us through a pipe, to what follows through a here
# document. Nothing to push: nothing to start.
_PRE_PUSH = """\
mlvc_refs=$(cat)
if [ -n "$mlvc_refs" ]; then
	mlvc_code=127
	if [ -x "$mlvc_program" ]; then
		mlvc_code=0
		printf '%s\\n' "$mlvc_refs" | @LAUNCHER@ hook pre-push "$@" || mlvc_code=$?
	fi
	if [ "$mlvc_code" -eq 126 ] || [ "$mlvc_code" -eq 127 ]; then
		echo "error: the data of this push cannot be uploaded" >&2
		echo "  why: $mlvc_program cannot be started" >&2
		echo "hint: install git-mlvc again and run \\`git mlvc install --local\\`;" \\
			"\\`git push --no-verify\\` pushes without the data" >&2
	fi
	if [ "$mlvc_code" -ne 0 ]; then
		exit "$mlvc_code"
	fi
	exec <<mlvc_end
$mlvc_refs
mlvc_end
else
	exec </dev/null
fi
unset mlvc_program mlvc_refs mlvc_code
"""

_CHAIN = """\
mlvc_next=${0%/*}@SUFFIX@/@NAME@
if [ -x "$mlvc_next" ]; then
	exec "$mlvc_next" "$@"
fi
exit 0
"""


def shim(name: str, launcher: str, version: int = SHIM_VERSION) -> str:
    """Return the standalone hook file for `name`.

    `launcher`: absolute shell words that start git-mlvc, quoted as sh needs them.
    """
    chain = _CHAIN.replace("@SUFFIX@", CHAINED_SUFFIX).replace("@NAME@", name)
    return (
        f"#!/bin/sh\n# git-mlvc hook {version}: {name}. `git mlvc uninstall --local` removes it.\n"
        f"{_body(name, launcher)}{chain}"
    )


def block(name: str, launcher: str, version: int = SHIM_VERSION) -> str:
    """Return the lines that go below the first line of another shell hook."""
    return (
        f"# >>> git-mlvc hook {version}: {name}. `git mlvc uninstall --local` removes this block >>>\n"
        f"{_body(name, launcher)}{_END.decode()}"
    )


def quote(word: str) -> str:
    """Return `word` as one word for sh."""
    return word if _PLAIN.match(word) else "'" + word.replace("'", "'\"'\"'") + "'"


def program_of(launcher: str) -> str:
    """Return the program that the shell words `launcher` start."""
    if "'" not in launcher and '"' not in launcher and "\\" not in launcher:
        return launcher.split(" ", 1)[0]
    import shlex

    return shlex.split(launcher)[0]


def _body(name: str, launcher: str) -> str:
    if name in FILL_EVENTS:
        template = _FILL
    elif name in HOOKS:
        template = {"pre-push": _PRE_PUSH, "pre-commit": _PRE_COMMIT}[name]
    else:
        raise ValueError(f"not a hook of ours: {name}")
    again = _AGAIN if name == "post-index-change" else ""
    lines = template.replace("@AGAIN@", again).replace("@NAME@", name)
    lines = lines.replace("@LAUNCHER@", launcher)
    return f"mlvc_program={quote(program_of(launcher))}\n{lines}"


# -- recognising what stands in a hook file


def is_standalone(data: bytes) -> bool:
    """True if the whole file is ours, of whatever version."""
    return data.partition(b"\n")[2].startswith(_STANDALONE)


def has_block(data: bytes) -> bool:
    return data.startswith(_BEGIN) or b"\n" + _BEGIN in data


def is_current(data: bytes, name: str, launcher: str) -> bool:
    """True if `data` runs exactly what this version would write for `name`."""
    return data == _bytes(shim(name, launcher)) or _bytes(block(name, launcher)) in data


def takes_block(data: bytes) -> bool:
    """True for a shell script that can be given a block and later be freed of it byte for byte."""
    first, newline, _ = data.partition(b"\n")
    return bool(newline) and b"\0" not in data and _SHELL.match(first) is not None


def with_block(data: bytes, name: str, launcher: str) -> bytes:
    """Return the script with one block of ours, which replaces an older one."""
    bare = without_block(data) if has_block(data) else data
    if bare is None or not takes_block(bare):
        raise ValueError("not a script that takes a block")
    first, _, rest = bare.partition(b"\n")
    return first + b"\n" + _bytes(block(name, launcher)) + rest


def without_block(data: bytes) -> bytes | None:
    """Return the script as it was before `with_block`; None if the markers are not as we wrote them."""
    before, begin, rest = data.partition(_BEGIN)
    inside, end, after = rest.partition(_END)
    if not begin or not end or _BEGIN in inside + after or (before and not before.endswith(b"\n")):
        return None
    return before + after


def own_lines(data: bytes) -> bytes | None:
    """Return the lines of ours in a hook file, without what runs another hook; None if there are none."""
    if is_standalone(data):
        return data.partition(b"\n")[2].partition(b"mlvc_next=")[0]
    _, begin, rest = data.partition(_BEGIN)
    inside, end, _ = rest.partition(_END)
    return begin + inside if begin and end else None


def program_in(data: bytes) -> str | None:
    """Return the program that a shim or block of ours starts."""
    found = _PROGRAM.search(data)
    if found is None:
        return None
    return program_of(found[1].decode("utf-8", "surrogateescape"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
