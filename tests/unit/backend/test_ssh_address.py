"""Where an address leads, and the command line that goes there: nothing in it can become an option or a command."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_mlvc.backend import address, registry
from git_mlvc.backend.base import Denied, Offline
from git_mlvc.backend.opening import Opening
from git_mlvc.backend.over_ssh import command, said
from git_mlvc.backend.over_ssh.command import Patience, Program, Variant
from git_mlvc.backend.over_ssh.place import Place, parse
from git_mlvc.errors import ConfigError, RemoteError, RemoteRefused, RemoteUnavailable

PATIENCE = Patience(10, 60, may_ask=False)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("ssh://lab/srv/data", Place("lab", b"/srv/data")),
        ("ssh://ada@lab:2222/srv/data", Place("lab", b"/srv/data", "ada", 2222)),
        ("ssh://Lab.example/srv/a%20b", Place("Lab.example", b"/srv/a b")),
        ("ssh://lab/~/data", Place("lab", b"~/data")),
        ("ssh://lab/~bob/data", Place("lab", b"~bob/data")),
        ("ssh://[::1]:22/x", Place("::1", b"/x", "", 22)),
        ("sftp://lab/srv", Place("lab", b"/srv")),
        ("lab:data", Place("lab", b"data")),
        ("ada@lab:data/a b", Place("lab", b"data/a b", "ada")),
        ("ada@lab:/srv/data", Place("lab", b"/srv/data", "ada")),
        ("ada@lab:~/data", Place("lab", b"~/data", "ada")),
        ("ada@[::1]:data", Place("::1", b"data", "ada")),
        ("ada@[lab:2222]:data", Place("lab", b"data", "ada", 2222)),
        ("lab:data@2024:x", Place("lab", b"data@2024:x")),
        ("ada@lab:", Place("lab", b".", "ada")),
        ("ssh://lab/", Place("lab", b"/")),
    ],
)
def test_both_forms_are_read_as_git_reads_them(url: str, place: Place) -> None:
    assert parse(url) == place
    # Whoever decides whether a clone's address is trusted must mean the same host.
    server = address.server_of(url)
    assert server is not None
    assert (server.host, server.port) == (place.host.lower(), place.port or 22)


@pytest.mark.parametrize(
    "url",
    [
        "ssh://-oProxyCommand=touch%20x/path",
        "ssh://-oProxyCommand=x@lab/path",
        "x@-oProxyCommand=x:path",
        "-oProxyCommand=x:path",
        "-x@lab:path",
        "lab:-path",
        "ssh:///path",
        "ssh://lab",
        "sftp://ada@lab:2222",
        "ssh://lab:port/path",
        "ssh://ada:secret@lab/path",
        "ssh://lab#@evil/path",
        "ssh://lab?@evil/path",
        "ssh://lab/a%00b",
        "ssh://la$(x)b/path",
        "ssh://lab;x/path",
        "ssh://lab`x`/path",
        "ssh://a$(x)@lab/path",
        "a`x`@lab:path",
    ],
)
def test_what_could_be_an_option_a_command_or_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.open(url)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@settings(max_examples=50)
@given(st.text(min_size=1, max_size=40))
def test_whatever_follows_the_scheme_is_a_place_or_refused(rest: str) -> None:
    try:
        place = parse("ssh://" + rest)
    except ConfigError:
        return
    for word in (place.host, place.login, place.user):
        assert not word.startswith("-")


@pytest.mark.parametrize(
    "options",
    [
        {"server": "perhaps"},
        {"server-program": "x; rm -rf ~"},
        {"server-program": "$(x)"},
        {"server-program": "-x"},
        {"server-program": "it's"},
        {"sever": "auto"},
    ],
)
def test_options_that_are_none_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        registry.open("ssh://lab/x", Opening(options=options))


def test_the_host_stands_behind_two_dashes() -> None:
    place = parse("ssh://ada@lab:2222/srv/data")
    argv = command.subsystem(place, Variant.SSH, PATIENCE)
    assert argv[-3:] == ["--", "ada@lab", "sftp"]
    assert argv[argv.index("-p") + 1] == "2222"
    assert "BatchMode=yes" in argv
    assert "ConnectTimeout=10" in argv
    assert "ServerAliveInterval=15" in argv
    asking = command.subsystem(place, Variant.SSH, Patience(10, 60, may_ask=True))
    assert "BatchMode=yes" not in asking
    assert not any("HostKey" in word for word in argv)  # whom to believe is the user's to say


def test_the_path_is_in_no_command_line() -> None:
    place = parse("ssh://lab/srv/$(touch x)")
    argv = command.through_shell(place, Variant.SSH, PATIENCE, "git-mlvc", or_sftp=True)
    assert not any("touch" in word for word in argv)


# Those that this machine has.
SHELLS = [
    name for name in ("sh", "bash", "dash", "zsh", "fish", "tcsh", "ksh") if shutil.which(name)
]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("has_program", [True, False])
def test_every_login_shell_takes_the_line(shell: str, has_program: bool, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    if has_program:
        found = tmp_path / "bin" / "git-mlvc-there"
        found.write_text('#!/bin/sh\necho "served with $*"\n')
        found.chmod(0o755)
    line = command.remote_command("git-mlvc-there", or_sftp=False)
    done = subprocess.run(
        [shutil.which(shell) or shell, "-c", line],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    if has_program:  # in ~/bin, where no shell without a profile looks
        assert done.stdout == b"served with serve-store\n"
    else:
        assert (done.returncode, done.stdout) == (127, b"")


# -- which program


@pytest.mark.parametrize(
    ("environment", "argv"),
    [
        ({}, ["ssh", "-V"]),
        ({"GIT_SSH": "/opt/my ssh"}, ["/opt/my ssh", "-V"]),
        (
            {"GIT_SSH": "/opt/ssh", "GIT_SSH_COMMAND": "ssh -i 'a key'"},
            ["sh", "-c", "exec ssh -i 'a key' \"$@\"", "ssh -i 'a key'", "-V"],
        ),
        (
            {"GIT_SSH_COMMAND": "X=1 ssh"},
            ["sh", "-c", 'X=1 ssh "$@"', "X=1 ssh", "-V"],
        ),
    ],
)
def test_the_program_is_the_one_that_git_would_run(
    environment: dict[str, str], argv: list[str]
) -> None:
    assert command.program(environment).argv(["-V"]) == argv


@pytest.mark.parametrize(
    ("text", "is_shell", "variant"),
    [
        ("ssh", False, Variant.SSH),
        ("/usr/bin/ssh", False, Variant.SSH),
        ("C=d ssh -v -F 'a b'", True, Variant.SSH),
        ("/opt/plink.exe", False, Variant.PLINK),
        ("TortoisePlink", False, Variant.TORTOISE),
        ("my-ssh", False, Variant.SIMPLE),
        ("it's broken", True, Variant.SIMPLE),
    ],
)
def test_variants_are_known_by_their_names(text: str, is_shell: bool, variant: Variant) -> None:
    assert command.variant(Program(text, is_shell), {}, lambda argv: False) is variant


def test_an_unknown_program_is_asked_whether_it_takes_options() -> None:
    asked: list[list[str]] = []

    def takes(argv: list[str]) -> bool:
        asked.append(argv)
        return True

    assert command.variant(Program("my-ssh", False), {}, takes) is Variant.SSH
    assert asked == [["my-ssh", "-G", "localhost"]]
    chosen = {"GIT_SSH_VARIANT": "simple"}
    assert command.variant(Program("ssh", False), chosen, takes) is Variant.SIMPLE
    with pytest.raises(ConfigError, match="no kind of ssh"):
        command.variant(Program("ssh", False), {"GIT_SSH_VARIANT": "shh"}, takes)


def test_plink_has_words_of_its_own() -> None:
    place = parse("ssh://ada@lab:2222/x")
    assert command.subsystem(place, Variant.PLINK, PATIENCE) == [
        "-batch", "-T", "-P", "2222", "-s", "ada@lab", "sftp",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="ssh command that is set"):
        command.subsystem(place, Variant.SIMPLE, PATIENCE)


# -- what it says


LAB = Place("lab", b"/x", "ada", 2222)


@pytest.mark.parametrize(
    ("stderr", "kind", "words"),
    [
        (
            "@@@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
            "Offending ED25519 key in /home/ada/.ssh/known_hosts:7\nHost key verification failed.\n",
            RemoteRefused,
            "line 7 of /home/ada/.ssh/known_hosts",
        ),
        ("Host key verification failed.\n", RemoteRefused, "not known here yet"),
        ("ada@lab: Permission denied (publickey,password).\n", Denied, "publickey"),
        (
            "ssh: Could not resolve hostname lab: Name or service not known\n",
            Offline,
            "Could not resolve hostname",
        ),
        ("ssh: connect to host lab port 2222: Connection refused\n", RemoteUnavailable, "refused"),
        ("ssh: connect to host lab port 2222: Connection timed out\n", RemoteUnavailable, "timed"),
        (
            "kex_exchange_identification: read: Connection reset by peer\n",
            RemoteUnavailable,
            "reset",
        ),
        ("Unable to negotiate with lab: no matching host key type found.\n", RemoteRefused, "old"),
        ("subsystem request failed on channel 0\n", RemoteRefused, "no SFTP"),
        ("", RemoteUnavailable, "did not say why"),
        ("\x1b[2J\x1b]0;evil\x07strange\n", RemoteUnavailable, "strange"),
    ],
)
def test_the_last_words_of_ssh_become_one_error(
    stderr: str, kind: type[RemoteError], words: str
) -> None:
    error = said.not_connected(LAB, stderr)
    assert type(error) is kind
    shown = f"{error} {error.hint}"
    assert words in shown
    assert shown.isprintable()
    assert "ssh" in error.hint or "SFTP" in error.hint


def test_the_way_to_try_by_hand_is_a_command_that_works() -> None:
    assert shlex.split(said.by_hand(LAB)) == ["ssh", "-p", "2222", "ada@lab"]
    changed = said.not_connected(LAB, "REMOTE HOST IDENTIFICATION HAS CHANGED")
    assert changed.hint.endswith("ssh-keygen -R '[lab]:2222'")
