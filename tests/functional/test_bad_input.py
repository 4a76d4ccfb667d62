"""Bad input: nothing here may lose data, hang, show a traceback or put wrong bytes into the worktree."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from support import cramped, killer
from support.content import edited, is_pointer, noise, pointer_to, table
from support.extent import IN_FULL
from support.repo import Machine, Repo, launcher

BIG = noise(1_500_000, 1)


def commit_pointers(repo: Repo, pointers: dict[str, bytes]) -> None:
    """Commit pointers as another client would: past the filter."""
    for name, pointer in pointers.items():
        sha = repo.git("hash-object", "-w", "--stdin", input=pointer).out.strip()
        repo.git("update-index", "--add", "--cacheinfo", f"100644,{sha},{name}")
    repo.commit(f"pointers: {', '.join(pointers)}")


def checked_out(repo: Repo, name: str, right: bytes, where: str = "HEAD") -> str:
    """Check a file out anew. Return what was said if it stayed a stub; anything else must be right."""
    if repo.has(name):
        repo.remove(name)
    said = repo.git("checkout", where, "--", name, check=False, timeout_s=60)
    got = repo.read(name) if repo.has(name) else b""
    if got == right:
        return ""
    assert is_pointer(got), f"wrong bytes in the worktree: {got[:100]!r}\n{said}"
    assert said.ok, f"checkout failed\n{said}"
    return said.err


@pytest.fixture(params=["0", None] if IN_FULL else ["0"], ids=["stubs", "inline"][: 1 + IN_FULL])
def any_limit(machine: Machine, request: pytest.FixtureRequest) -> str | None:
    if request.param is not None:
        machine.config("mlvc.inlineLimit", request.param)
    return request.param


def test_a_pointer_to_data_that_is_nowhere_stays_a_stub(repo: Repo, any_limit: str | None) -> None:
    repo.add().commit("attributes")
    commit_pointers(repo, {"lost.bin": pointer_to(b"nowhere")})
    said = checked_out(repo, "lost.bin", b"nowhere")
    assert "lost.bin" in said
    assert repo.is_clean()
    assert "lost.bin" in repo.mlvc("fill", check=False).err
    assert repo.mlvc("status", "--exit-code", check=False).returncode == 1
    assert "lost.bin" in repo.mlvc("status", check=False).out


def test_a_pointer_whose_size_lies_stays_a_stub(repo: Repo, any_limit: str | None) -> None:
    small, large = noise(9_000, 3), BIG
    repo.write({"s.bin": small, "l.bin": large}).add().commit("truth")
    lies = {
        f"{kind}-{size}.bin": pointer_to(data).replace(b"size %d" % len(data), b"size %d" % size)
        for kind, data in (("small", small), ("large", large))
        for size in (1, len(data) - 1, len(data) + 1, 2**40, 2**62)
    }
    commit_pointers(repo, lies)
    said = repo.git("checkout", "HEAD", "--", *lies, timeout_s=60).err
    for name, lie in lies.items():
        assert repo.read(name) == lie, name
        assert name in said
    assert repo.git("archive", "HEAD", check=False, timeout_s=60).stdout is not None
    assert checked_out(repo, "s.bin", small) == ""


def bytes_of(path: Path, change: Callable[[bytearray], object]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.chmod(0o644)
    path.write_bytes(data)


def damages(size: int) -> list[tuple[str, Callable[[bytearray], object]]]:
    """Return ways to damage a file: flipped bits all over it, and cuts."""

    def flip(at: int) -> Callable[[bytearray], object]:
        def change(data: bytearray) -> None:
            data[at] ^= 0x10

        return change

    def cut(at: int) -> Callable[[bytearray], object]:
        def change(data: bytearray) -> None:
            del data[at:]

        return change

    flips, cuts = {0, size // 7, size // 2, size - 130, size - 40}, (0, size // 2, size - 1)
    if not IN_FULL:
        flips, cuts = {size // 7, size - 130}, (0, size // 2)
    return [(f"flip at {at}", flip(at)) for at in sorted(flips)] + [
        (f"cut at {at}", cut(at)) for at in cuts
    ]


@pytest.mark.parametrize("part", ["packs", "segments"])
def test_a_damaged_store_never_gives_wrong_bytes(
    repo: Repo, part: str, any_limit: str | None
) -> None:
    files = {"big.bin": BIG, "table.bin": table(20_000), "small.bin": noise(2_000, 4)}
    repo.write(files).add().commit("one")
    (victim,) = [path for path in (repo.store / part).rglob("*") if path.is_file()]
    whole = victim.read_bytes()
    stubs = 0
    for how, damage in damages(len(whole)):
        bytes_of(victim, damage)
        repo.remove(*files)
        said = repo.git("checkout", "HEAD", "--", ".", check=False, timeout_s=60)
        assert said.ok, f"{how}\n{said}"
        for name, right in files.items():
            got = repo.read(name)
            if got != right:
                assert is_pointer(got), f"{how}: wrong bytes in {name}: {got[:80]!r}\n{said}"
                assert name in said.err, f"{how}: {name} is not named\n{said}"
                stubs += 1
        if victim.exists():
            victim.unlink()
        shutil.rmtree(repo.store / "quarantine", ignore_errors=True)
        victim.parent.mkdir(exist_ok=True)
        victim.write_bytes(whole)
        assert repo.mlvc("fill", check=False).ok, how
        for name, right in files.items():
            assert repo.read(name) == right, f"{how}: not healed: {name}"
        assert repo.is_clean()
    assert stubs > 0, "no damage was noticed: the test is wrong about the layout"


def test_fsck_names_damage_and_what_it_hurts_and_repairs_from_the_worktree(repo: Repo) -> None:
    repo.write({"big.bin": BIG, "other.bin": noise(700_000, 5)}).add().commit("hurt commit")
    (pack,) = [path for path in (repo.store / "packs").rglob("*") if path.is_file()]
    bytes_of(pack, lambda data: data.__setitem__(len(data) // 4, data[len(data) // 4] ^ 1))
    found = repo.mlvc("fsck", check=False)
    assert found.returncode == 1
    assert "big.bin" in found.out
    assert repo.head()[:7] in found.out
    repo.mlvc("fsck", "--repair", check=False)
    assert repo.mlvc("fsck").ok
    for name, data in (("big.bin", BIG), ("other.bin", noise(700_000, 5))):
        assert checked_out(repo, name, data) == ""


def test_a_damaged_remote_never_gives_wrong_bytes(
    machine: Machine, repo: Repo, remote: Repo
) -> None:
    repo.write({"big.bin": BIG}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    for part in ("packs", "segments"):
        (victim,) = [path for path in (remote.store / part).rglob("*") if path.is_file()]
        whole = victim.read_bytes()
        some = damages(len(whole))[:: 1 if IN_FULL else 3]
        for number, (how, damage) in enumerate(some):
            bytes_of(victim, damage)
            copy = machine.clone("origin.git", f"{part}-{number}")
            got = copy.read("big.bin")
            assert got == BIG or is_pointer(got), f"{how}: {got[:100]!r}"
            victim.write_bytes(whole)
            copy.mlvc("pull")
            assert copy.read("big.bin") == BIG, how
            shutil.rmtree(copy.path)


def test_hostile_recipes_are_refused(repo: Repo, any_limit: str | None) -> None:
    """Planted straight into the store, as a hostile remote could send them."""
    from git_mlvc.formats import recipe as recipes
    from git_mlvc.formats.recipe import Recipe
    from git_mlvc.store.store import Store

    piece = noise(65_536, 6)
    repo.write({"piece.bin": piece}).add().commit("one")
    chunk = blake3(piece).digest()
    store = Store.open(repo.store)
    planted: list[tuple[bytes, int]] = []

    def plant(label: str, recipe: Recipe, size: int | None = None) -> None:
        name = blake3(label.encode()).digest()
        session.add_recipe(name, recipe)
        planted.append((name, size if size is not None else recipe.size_bytes))

    with store.session() as session:
        many = Recipe.of([(chunk, len(piece))] * 40)
        plant("right chunks, wrong whole", many)
        plant("size beyond its chunks", many, size=2**60)
        itself = blake3(b"contains itself").digest()
        plant("contains itself", Recipe.of([(itself, len(piece)), (chunk, len(piece))]))
        plant("chunk of another length", Recipe.of([(chunk, 5000), (chunk, 6000)]))
        plant("chunks that are not there", Recipe.of([(bytes(32), 5000), (bytes(32), 6000)]))
        inner = recipes.encode(many)
        session.ingest_bytes(inner)
        nested = Recipe.of([(blake3(inner).digest(), len(inner))], depth=1)
        plant("nested for nothing", nested, size=many.size_bytes)
        plant("deeper than it says", Recipe(nested.size_bytes, nested.rows, 3), size=2**50)
        session.commit()
    store.close()
    pointers = {
        f"{number}.bin": b"git-mlvc pointer 1\noid blake3:%s\nsize %d\n"
        % (name.hex().encode(), size)
        for number, (name, size) in enumerate(planted)
    }
    commit_pointers(repo, pointers)
    said = repo.git("checkout", "HEAD", "--", *pointers, timeout_s=60).err
    for file, pointer in pointers.items():
        assert repo.read(file) == pointer
        assert file in said
    assert repo.is_clean()
    assert repo.mlvc("fsck", check=False, timeout_s=60).returncode == 1
    assert checked_out(repo, "piece.bin", piece) == ""


def test_names_in_a_remotes_index_cannot_climb_out(
    machine: Machine, repo: Repo, remote: Repo
) -> None:
    repo.write({"big.bin": BIG}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    outside = machine.path("outside")
    outside.write_bytes(b"a file of the user's")
    for hostile in (
        b"../../../outside\n",
        str(outside).encode() + b"\n",
        *([b"\0" * 999, b"x" * 64 + b"\n"] if IN_FULL else []),
    ):
        (remote.store / "index").write_bytes(hostile)
        shutil.rmtree(machine.path("copy"), ignore_errors=True)
        copy = machine.clone("origin.git", "copy")
        got = copy.read("big.bin")
        assert got == BIG or is_pointer(got)
    assert outside.read_bytes() == b"a file of the user's"


def test_a_fill_does_not_write_through_a_symlink(machine: Machine, repo: Repo) -> None:
    machine.config("mlvc.inlineLimit", "0")
    data = noise(5_000, 7)
    repo.write({"d/x.bin": data}).add().commit("one")
    outside = machine.path("outside")
    outside.mkdir()
    (outside / "x.bin").write_bytes(pointer_to(data))
    repo.remove("d")
    repo.at("d").symlink_to(outside)
    repo.mlvc("fill", "d/x.bin", check=False)
    repo.mlvc("fill", check=False)
    assert (outside / "x.bin").read_bytes() == pointer_to(data)


def test_a_file_that_is_not_the_stub_is_never_overwritten(machine: Machine, repo: Repo) -> None:
    data = noise(5_000, 7)
    repo.write({"x.bin": data, "y.bin": data}).add().commit("one")
    stub = pointer_to(data)
    mine = {"x.bin": stub + b"appended by hand\n", "y.bin": pointer_to(b"another one")}
    repo.write(mine)
    repo.mlvc("fill", check=False)
    repo.mlvc("pull", check=False)
    assert {name: repo.read(name) for name in mine} == mine


def test_a_damaged_stub_is_not_committed(repo: Repo) -> None:
    data = noise(5_000, 7)
    repo.write({"x.bin": data}).add().commit("one")
    repo.write({"x.bin": pointer_to(data) + b"a line that somebody appended\n"})
    said = repo.git("add", "x.bin")
    assert "x.bin" in said.err
    refused = repo.fails("commit", "-m", "damaged")
    assert refused.refused_because("x.bin")
    assert "git checkout" in refused.err or "--keep-appended" in refused.err
    repo.git("checkout", "HEAD", "--", "x.bin")
    assert repo.read("x.bin") == data
    repo.write({"x.bin": pointer_to(data) + b"more\n"})
    repo.mlvc("fill", "--keep-appended", "x.bin")
    assert repo.read("x.bin") == data + b"more\n"


# -- disks that refuse


def assert_add_works(repo: Repo, name: str, data: bytes) -> None:
    repo.git("add", name)
    repo.commit("works")
    assert repo.blob(f"HEAD:{name}") == pointer_to(data)
    assert repo.mlvc("fsck").ok
    assert checked_out(repo, name, data) == ""
    left = [
        path for path in (repo.store / "tmp").rglob("*") if path.suffix in {".pack", ".journal"}
    ]
    assert left == []


def test_a_store_that_cannot_grow_fails_the_add_and_nothing_else(repo: Repo) -> None:
    repo.write({"one.bin": noise(2000)}).add().commit("one")
    repo.write({"big.bin": BIG})
    before = (repo.git_dir / "index").read_bytes()
    said = cramped.with_small_files(repo, 200, "add", "big.bin")
    assert not said.ok, said
    assert "big.bin" in said.err
    assert (repo.git_dir / "index").read_bytes() == before
    assert repo.status() == "?? big.bin\n"
    assert_add_works(repo, "big.bin", BIG)


@pytest.mark.skipif(not cramped.can_mount(), reason="needs root and private mounts")
def test_a_full_disk_fails_the_add_and_nothing_else(repo: Repo) -> None:
    repo.write({"one.bin": noise(2000)}).add().commit("one")
    said = cramped.with_private_mount(
        repo,
        """
        mkdir small && mount -t tmpfs -o size=4000k tmpfs small
        git clone -q . small/clone && cd small/clone
        head -c 1500000 /dev/urandom > big.bin && head -c 1700000 /dev/zero > ../ballast
        cp .git/index ../index
        if git add big.bin; then echo added to a full disk >&2; exit 9; fi
        cmp .git/index ../index
        rm ../ballast && cp big.bin /tmp/big.$$ && git mlvc fsck
        git add big.bin && git commit -qm works && rm big.bin && git checkout HEAD -- big.bin
        cmp big.bin /tmp/big.$$; rm /tmp/big.$$
        test -z "$(git status --porcelain)"
        """,
    )
    assert said.ok, said
    assert "big.bin" in said.err


@pytest.mark.skipif(not cramped.can_mount(), reason="needs root and private mounts")
def test_a_full_disk_in_a_checkout_leaves_stubs_and_is_mended(repo: Repo) -> None:
    repo.machine.config("mlvc.inlineLimit", "0")
    repo.write({f"{n}.bin": noise(400_000, n) for n in range(4)}).add().commit("one")
    said = cramped.with_private_mount(
        repo,
        """
        mkdir small && mount -t tmpfs -o size=1500k tmpfs small
        git worktree add -q small/tree HEAD && cd small/tree
        for n in 0 1 2 3; do
            cmp -s $n.bin ../../$n.bin || grep -q '^git-mlvc pointer' $n.bin
        done
        test -z "$(git status --porcelain)"
        mount -o remount,size=9m ../
        git mlvc fill
        for n in 0 1 2 3; do cmp $n.bin ../../$n.bin; done
        test -z "$(git status --porcelain)"
        """,
    )
    assert said.ok, said
    assert ".bin" in said.err


@pytest.mark.skipif(not cramped.can_mount(), reason="needs root and private mounts")
def test_a_read_only_git_dir_fails_the_add_and_nothing_else(repo: Repo) -> None:
    repo.write({"one.bin": noise(2000)}).add().commit("one")
    repo.write({"big.bin": BIG})
    for what in (".git", ".git/mlvc"):
        said = cramped.with_private_mount(
            repo,
            f"""
            cp .git/index /tmp/index.$$
            mount --bind {what} {what} && mount -o remount,bind,ro {what}
            git status --porcelain && git mlvc status && git mlvc ls && git archive HEAD > /dev/null
            if git add big.bin; then exit 9; fi
            cmp .git/index /tmp/index.$$; rm /tmp/index.$$
            """,
        )
        assert said.ok, said
    assert_add_works(repo, "big.bin", BIG)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_git_dir_without_write_permission_fails_the_add(repo: Repo) -> None:
    repo.write({"one.bin": noise(2000)}).add().commit("one")
    repo.write({"big.bin": BIG})
    closed = [path for path in (repo.store, *repo.store.rglob("*")) if path.is_dir()]
    for path in closed:
        path.chmod(0o555)
    try:
        assert not repo.git("add", "big.bin", check=False).ok
    finally:
        for path in closed:
            path.chmod(0o755)
    assert_add_works(repo, "big.bin", BIG)


# -- sudden ends


def killing(to_filter: int, from_filter: int) -> tuple[str, str]:
    words = [sys.executable, killer.__file__, str(to_filter), str(from_filter), str(launcher())]
    quoted = " ".join(f"'{word}'" for word in words)
    return "-c", f"filter.mlvc.process={quoted} filter-process"


def test_a_filter_killed_while_it_cleans_loses_nothing(repo: Repo) -> None:
    repo.write({"old.bin": noise(3000)}).add().commit("old")
    files = {f"{n}.bin": edited(BIG, n) for n in range(3)}
    repo.write(files)
    whole = 3 * len(BIG)
    moments = (30, 200, 70_000, len(BIG) + 100, len(BIG) * 2, whole - 5)
    for to_filter in moments if IN_FULL else (200, len(BIG) + 100, whole - 5):
        before = (repo.git_dir / "index").read_bytes()
        said = repo.git(*killing(to_filter, -1), "add", "-A", check=False)
        assert not said.ok, f"{to_filter}\n{said}"
        assert (repo.git_dir / "index").read_bytes() == before
        assert not (repo.git_dir / "index.lock").exists()
        assert len(repo.status().splitlines()) == 3
    repo.git(*killing(-1, 300), "add", "-A", check=False)
    repo.add().commit("new")
    assert repo.mlvc("fsck").ok
    for name, data in files.items():
        assert checked_out(repo, name, data) == ""
    assert repo.is_clean()


def test_a_filter_killed_while_it_smudges_loses_nothing(repo: Repo, any_limit: str | None) -> None:
    files = {f"{n}.bin": edited(BIG, n) for n in range(3)}
    repo.add().commit("none")
    repo.write(files).add().commit("files")
    moments = (60, 120, 500, 70_000, len(BIG) + 300)
    for from_filter in moments if IN_FULL else (120, 70_000, len(BIG) + 300):
        repo.git("checkout", "-q", "HEAD~1")
        repo.git(*killing(-1, from_filter), "checkout", "-q", "main", check=False)
        for name, data in files.items():
            if repo.has(name):
                got = repo.read(name)
                assert got == data or is_pointer(got), f"{from_filter}: {name}: {len(got)} bytes"
        repo.git("checkout", "-q", "-f", "main")
        repo.git("reset", "-q", "--hard")
        for name, data in files.items():
            assert repo.read(name) == data, f"{from_filter}: {name}"
        assert repo.is_clean()


def test_a_fill_killed_at_any_moment_leaves_whole_files_or_stubs(repo: Repo) -> None:
    files = {f"{n}.bin": edited(BIG, n) for n in range(8)}
    repo.write(files).add().commit("files")
    repo.mlvc("drop", "--force", *files)
    assert len(repo.stubs()) == len(files)
    for files_filled in (0, 1, 4):
        process = subprocess.Popen(
            ["git", "mlvc", "fill"],
            cwd=repo.path,
            env=repo.machine.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while process.poll() is None and len(files) - len(repo.stubs()) <= files_filled:
            assert time.monotonic() < deadline
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
        assert b"Traceback" not in said
        for name, data in files.items():
            got = repo.read(name)
            assert got == data or is_pointer(got), name
        (repo.git_dir / "index.lock").unlink(missing_ok=True)
    repo.mlvc("fill")
    assert {name: repo.read(name) for name in files} == files
    assert repo.is_clean()


def test_two_adds_at_once_in_two_worktrees(repo: Repo) -> None:
    repo.add().commit("attributes")
    repo.git("worktree", "add", "-q", "../second")
    second = repo.worktree("second")
    shared = noise(3_000_000, 8)
    mine = {repo: edited(shared, 1), second: edited(shared, 2)}
    for tree, data in mine.items():
        tree.write({"shared.bin": shared, "own.bin": data})
        tree.write({f"many/{n}.bin": noise(500, n) for n in range(200)})
    processes = [
        subprocess.Popen(
            ["git", "add", "-A"],
            cwd=tree.path,
            env=tree.machine.env(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for tree in mine
    ]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert said == b""
    assert repo.mlvc("fsck").ok
    for tree, data in mine.items():
        tree.commit("added")
        assert checked_out(tree, "own.bin", data) == ""
        assert checked_out(tree, "shared.bin", shared) == ""
        assert tree.is_clean()


# -- the future, and mistakes


def test_a_store_of_a_future_version_is_refused_clearly(repo: Repo) -> None:
    repo.write({"x.bin": noise(40_000)}).add().commit("one")
    mark = repo.store / "format"
    text = mark.read_bytes()
    mark.write_bytes(text.replace(b"store 1\n", b"store 2\n"))
    repo.write({"y.bin": noise(3000)})
    refused = repo.fails("add", "y.bin")
    assert refused.refused_because("newer git-mlvc")
    assert repo.text("ls-files", "y.bin") == ""
    assert "newer git-mlvc" in repo.mlvc("fsck", check=False).err
    said = checked_out(repo, "x.bin", noise(40_000))
    assert "newer git-mlvc" in said
    mark.write_bytes(text)
    repo.mlvc("fill")
    assert repo.read("x.bin") == noise(40_000)
    repo.add().commit("two")


MISTAKES = (
    (b"[remote.origin]\nurl = 'a'\nurl == 'b'\n", ("mlvc.toml", "line 3", "column 6")),
    (b"[track]\nmin_size = 'huge'\n", ("mlvc.toml", "track.min_size", "huge")),
    (b"[remote.origin]\nurl = 5\n", ("mlvc.toml", "remote.origin")),
    (b"remote = 'x'\n", ("mlvc.toml", "remote")),
    (b"\xff\xfe[track]\n", ("mlvc.toml",)),
    (
        b"[remote.o]\nurl = 'https://me:secret@example.org/x'\n",
        ("mlvc.toml", "remote.o.url", "secret"),
    ),
)


def test_a_mistake_in_the_settings_is_named(repo: Repo) -> None:
    repo.write({"x.bin": noise(3000)}).add().commit("one")
    for text, words in MISTAKES:
        repo.write({"mlvc.toml": text, "y.bin": noise(3001)})
        status, add = repo.mlvc("status", check=False), repo.git("add", "y.bin", check=False)
        assert status.returncode == 2 and not add.ok
        for said in (status, add):
            for word in words:
                assert word in said.err, said
            assert "https://me:secret@" not in said.err
        assert repo.text("ls-files", "y.bin") == ""
    repo.remove("mlvc.toml")
    repo.add().commit("two")
    assert repo.is_clean()


def test_a_mistake_in_committed_settings_does_not_stop_a_checkout(repo: Repo) -> None:
    repo.write({"x.bin": noise(3000)})
    os.utime(repo.at("x.bin"), (1.6e9, 1.6e9))  # git need not look into it again
    repo.add().commit("one")
    sha = repo.git("hash-object", "-w", "--stdin", input=b"[track\n").out.strip()
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{sha},mlvc.toml")
    repo.git("commit", "-qm", "a mistake")
    repo.git("checkout", "-q", "-f", "HEAD~1")
    repo.git("checkout", "-q", "-f", "main")
    got = repo.read("x.bin")
    assert got == noise(3000) or is_pointer(got)
    repo.git("checkout", "-q", "-f", "HEAD~1")
    repo.mlvc("fill", check=False)
    assert repo.read("x.bin") == noise(3000)
