"""`git mlvc add` in every kind of repository, on every kind of file system that git's settings describe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.add_pair import AddPair, age
from support.extent import cases
from support.repo import Machine, Repo

DATA = b"0123456789abcdef" * 300


def changes(pair: AddPair) -> None:
    """A few files committed, then some changed, some new, one gone."""
    names = ("a.bin", "d/b.bin", "d/c.bin", "text.txt")
    pair.write({name: DATA + name.encode() for name in names}).commit()
    pair.write({"a.bin": DATA + b"2", "d/new.bin": DATA * 2, "text.txt": b"a\r\nb\r\n"})
    pair.both(lambda repo: repo.remove("d/c.bin"))


def test_sha256(tmp_path: Path) -> None:
    pair = AddPair.start(tmp_path, "--object-format=sha256")
    pair.write({f"{n:03}.bin": DATA + b"%d" % n for n in range(130)})
    pair.add(".")
    pair.commit()
    changes(pair)
    pair.add("-A")


@pytest.mark.parametrize(
    "form",
    cases(
        ["split", "splitIndex", "untracked cache", "skipHash", "version 4", "shared"],
        ["split", "version 4", "shared"],
    ),
)
def test_forms_of_the_index(pair: AddPair, form: str) -> None:
    changes(pair)
    if form == "split":
        pair.git("update-index", "--split-index")
    elif form == "splitIndex":
        pair.git("config", "core.splitIndex", "true").git("update-index", "--split-index")
    elif form == "untracked cache":
        pair.git("config", "core.untrackedCache", "true").git("status")
    elif form == "skipHash":
        pair.git("config", "index.skipHash", "true")
    elif form == "version 4":
        pair.git("config", "index.version", "4").git("update-index", "--index-version", "4")
    else:
        pair.git("config", "core.sharedRepository", "group")
    pair.add(".")
    index = (pair.ours.git_dir / "index").read_bytes()
    modes = {(repo.git_dir / "index").stat().st_mode for repo in (pair.ours, pair.gits)}
    assert len(modes) == 1
    if "split" in form:
        assert b"link" in index
    if form == "untracked cache":
        assert b"UNTR" in index
    if form == "version 4":
        assert index[7] == 4
    pair.add("-A")
    assert pair.ours.status() == pair.gits.status()


def test_sparse_checkout_is_gits_affair(pair: AddPair) -> None:
    changes(pair)
    pair.git("add", "-A").git("commit", "-qm", "2").git("sparse-checkout", "set", "d")
    pair.write({"d/more.bin": DATA * 3, "e/out.bin": DATA * 4})
    pair.add("d")
    pair.add("e/out.bin")
    pair.add("--sparse", "e/out.bin")


def test_another_index(pair: AddPair) -> None:
    changes(pair)
    before = pair.ours.text("ls-files", "-s")
    for name in ("../other-index", ".git/elsewhere"):
        pair.add(".", env={"GIT_INDEX_FILE": name})
    pair.add("b.bin", "new.bin", folder="d", env={"GIT_INDEX_FILE": "../third-index"})
    assert pair.ours.text("ls-files", "-s") == before


def test_a_worktree_that_is_named(pair: AddPair) -> None:
    changes(pair)
    for repo in (pair.ours, pair.gits):
        (repo.path / ".git").rename(repo.machine.path("there.git"))
    root = {"GIT_DIR": "../there.git", "GIT_WORK_TREE": "."}
    below = {"GIT_DIR": "../../there.git", "GIT_WORK_TREE": ".."}
    for repo, verb in ((pair.ours, ["mlvc", "add"]), (pair.gits, ["add"])):
        repo.git(*verb, "text.txt", "d", env=root)
        repo.machine.git(*verb, "../a.bin", "new.bin", cwd=repo.at("d"), env=below)
    ours, gits = (repo.git("ls-files", "-s", env=root).out for repo in (pair.ours, pair.gits))
    assert ours == gits


def test_linked_worktrees(pair: AddPair) -> None:
    changes(pair)
    pair.git("worktree", "add", "-q", "../linked")
    linked = AddPair(pair.ours.worktree("linked"), pair.gits.worktree("linked"))
    linked.write({"d/b.bin": DATA * 5, "d/linked.bin": DATA * 6})
    linked.add("-A")
    assert pair.ours.status() == pair.gits.status()


def test_outside_of_a_repository_and_in_a_bare_one(bare_machine: Machine) -> None:
    bare = bare_machine.install().bare()
    for folder in (bare_machine.home, bare.path):
        gits = bare_machine.git("add", ".", cwd=folder, check=False)
        ours = bare_machine.git("mlvc", "add", ".", cwd=folder, check=False)
        assert (ours.returncode, ours.err) == (gits.returncode, gits.err)


def test_without_the_filter_set_up_it_says_so(bare_machine: Machine) -> None:
    repo = bare_machine.init().track("*.bin").write({"a.bin": DATA})
    assert "git mlvc install" in repo.fails("mlvc", "add", ".").err
    assert repo.text("ls-files") == ""


def test_line_ends_stay_gits_affair(pair: AddPair) -> None:
    pair.git("config", "core.autocrlf", "true").git("config", "core.safecrlf", "warn")
    pair.both(lambda repo: repo.track("*.dat", above="1KiB"))
    pair.write({"a.dat": b"small\r\n" * 9, "b.dat": b"large\r\n" * 999, "t.txt": b"x\ny\n"})
    pair.add(".")


@pytest.mark.parametrize(
    "text",
    cases(["-text", "text", "text=auto", "eol=crlf", "ident", "-crlf"], ["text=auto", "ident"]),
)
def test_other_conversions_stay_gits_affair(pair: AddPair, text: str) -> None:
    pair.both(lambda repo: repo.track("*.dat", above="1KiB"))
    pair.both(lambda repo: repo.write({"d/.gitattributes": f"*.dat {text}\n".encode()}))
    pair.write({"d/a.dat": b"small\r\n$Id: x$\n" * 9, "d/b.dat": b"large\r\n" * 999})
    pair.add(".")


def test_modes_and_links_as_the_file_system_has_them(pair: AddPair) -> None:
    pair.write({name: DATA + name.encode() for name in ("x.bin", "y.bin")})
    pair.both(lambda repo: repo.at("x.bin").chmod(0o755))
    pair.commit()
    pair.git("config", "core.fileMode", "false")
    pair.write({"x.bin": DATA * 2, "y.bin": DATA * 3, "z.bin": DATA * 4})
    for name, mode in (("x.bin", 0o644), ("y.bin", 0o755), ("z.bin", 0o755)):
        pair.both(lambda repo, name=name, mode=mode: repo.at(name).chmod(mode))
    pair.add(".")
    pair.both(lambda repo: repo.at("link.bin").symlink_to("x.bin"))
    pair.commit().git("config", "core.symlinks", "false")
    pair.both(lambda repo: repo.remove("link.bin")).write({"link.bin": b"y.bin"})
    pair.add(".")


def test_names_that_differ_in_case_and_a_rename_in_case(pair: AddPair) -> None:
    pair.git("config", "core.ignoreCase", "true")
    pair.write({"Dir/One.bin": DATA, "top.bin": DATA + b"t", "name.bin": DATA + b"n"}).commit()
    pair.both(lambda repo: repo.at("name.bin").rename(repo.at("Name.bin")))
    pair.add("-A")
    pair.write({"dir/two.bin": DATA * 2, "new/a.bin": DATA * 3, "new/A.bin": DATA * 4})
    pair.write({"Top.bin": DATA * 5, "Dir/three.bin": DATA * 6})
    pair.add(".")


def test_names_of_any_bytes(pair: AddPair) -> None:
    names = [
        b"new\nline.bin",
        b"\xff\xfe.bin",
        b'qu"ote.bin',
        b"tab\t.bin",
        b"sp ace.bin",
        b"-A.bin",
    ]
    pair.write({name: DATA + name for name in names})
    pair.add("--", b"\xff\xfe.bin", b"-A.bin")
    pair.add("-v", ".")


def test_hard_links_pipes_and_links(pair: AddPair) -> None:
    pair.write({"one.bin": DATA})

    def make(repo: Repo) -> None:
        os.link(repo.at("one.bin"), repo.at("two.bin"))
        os.mkfifo(repo.at("pipe.bin"))
        repo.at("away.bin").symlink_to("/nowhere")
        repo.at("self").symlink_to(".")

    pair.both(make)
    pair.add(".")
    pair.add("self/one.bin")


def test_conflicts_are_settled(pair: AddPair) -> None:
    pair.write({"a.bin": DATA, "b.bin": DATA * 2}).commit().git("switch", "-qc", "side")
    pair.write({"a.bin": DATA + b"side", "b.bin": DATA * 2 + b"side"}).commit()
    pair.git("switch", "-q", "main").write({"a.bin": DATA + b"main"})
    pair.both(lambda repo: repo.remove("b.bin")).commit()
    pair.git("merge", "-q", "side", check=False)
    pair.write({"a.bin": DATA + b"settled"})
    pair.add("a.bin")
    pair.add("-u")


def test_submodules(pair: AddPair) -> None:
    def inner(repo: Repo) -> None:
        made = repo.machine.init("inner").track("*.bin").write({"i.bin": DATA})
        date = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
        made.git("add", "-A")
        made.git("commit", "-qm", "inner", env=date)
        repo.git("submodule", "-q", "add", "../inner", "sub")
        sub = Repo(repo.path / "sub", repo.machine)
        sub.git("commit", "-q", "--allow-empty", "-m", "2", env=date)
        repo.write({"sub/new.bin": DATA * 2})

    pair.write({"a.bin": DATA}).both(inner)
    pair.add(".")
    pair.add("sub/new.bin")


def test_thresholds_pointers_and_other_tools_pointers(pair: AddPair) -> None:
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12\n" % (b"a" * 64)
    pair.both(lambda repo: repo.track("*.dat", above="2KiB"))
    files = {
        "s.dat": b"s" * 2047,
        "l.dat": b"l" * 2048,
        "lfs.bin": lfs,
        "e.bin": b"",
        "m.bin": DATA,
    }
    pair.write(files).add(".")
    pair.commit()
    stub = pair.ours.blob(":m.bin")
    pair.write({"stub.bin": stub, "m.bin": stub, "crlf.bin": stub.replace(b"\n", b"\r\n")})
    pair.add("-A")
    # Raw in the index, unedited and looked at again: it stays what it is there.
    pair.both(lambda repo: (repo.path / "mlvc.toml").write_text('[track."*.dat"]\nmin_size = 0\n'))
    pair.both(lambda repo: age(repo.at("s.dat"), 5))
    pair.add("s.dat")
    pair.write({"s.dat": b"S" * 2047})
    pair.add("s.dat")


def test_contents_of_every_size(pair: AddPair) -> None:
    sizes = [1, 199, 4096, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20]
    pair.both(lambda repo: repo.track("*.dat", above="2MiB"))
    pair.write({f"{n}.bin": os.urandom(1) + bytes(n - 1) for n in sizes})
    pair.gits.write({path.name: path.read_bytes() for path in pair.ours.path.glob("*.bin")})
    pair.write({f"{n}.dat": b"x" * n for n in sizes})
    pair.add(".")


def test_pathspecs_from_a_file(pair: AddPair) -> None:
    changes(pair)
    pair.both(lambda repo: repo.machine.path("list").write_bytes(b"d/new.bin\r\na.bin\n"))
    pair.add("--pathspec-from-file=../list")
    zeros = ("--pathspec-from-file", "-", "--pathspec-file-nul")
    pair.add(*zeros, input=b"d/new.bin\0text.txt")
    pair.add("--pathspec-from-file=../nowhere")
    pair.add("--pathspec-from-file=../list", "a.bin")
    pair.add("--pathspec-from-file=-", input=b'"d/b.bin"\n')


def test_global_options_of_git_reach_it(pair: AddPair) -> None:
    changes(pair)
    pair.write({"*.bin": DATA * 7})
    for repo, verb in ((pair.ours, ["mlvc", "add"]), (pair.gits, ["add"])):
        repo.git("--literal-pathspecs", *verb, "*.bin")
        repo.git("-C", "d", *verb, "new.bin", tick=False)
    pair.compare()
