"""Stages whose outs do not fit: into the worktree, or into the store, which are file systems of their own here."""

from __future__ import annotations

import pytest
from support.cramped import can_mount, with_private_mount
from support.extent import cases
from support.repo import Machine

STAGES = b"""\
[stage.make]
cmd  = "head -c $(cat size) /dev/urandom > model.bin && chmod 755 model.bin"
deps = ["size"]
outs = ["model.bin"]
"""


@pytest.mark.skipif(not can_mount(), reason="NO REAL DISK: to mount one takes root")
def test_law_10_a_full_disk_fails_the_stage_and_the_earlier_out_is_the_very_file_it_was(
    machine: Machine,
) -> None:
    repo = machine.init()
    repo.write({"mlvc.toml": STAGES, "size": b"300000\n"}).add().commit("one")
    said = with_private_mount(
        repo,
        """
        mkdir small store
        mount -t tmpfs -o size=8m tmpfs small && mount -t tmpfs -o size=2m tmpfs store
        git config mlvc.store "$PWD/store"
        store=$PWD/store
        git worktree add -q small/tree HEAD && cd small/tree
        git mlvc repro
        cp model.bin ../before
        same() { cmp model.bin ../before; test "$(stat -c %i.%Y.%a model.bin)" = "$was"; }
        was=$(stat -c %i.%Y.%a model.bin)
        fails() { code=0; git mlvc repro || code=$?; test $code = 9; same; }
        echo 2500000 > size; fails
        echo 9000000 > size; fails
        git mlvc fsck
        mount -o remount,size=20m $store
        echo 2500000 > size; git mlvc repro
        test $(stat -c %s model.bin) = 2500000
        mount -o remount,size=5m ..
        echo 300000 > size; git mlvc repro
        cmp model.bin ../before; test "$(stat -c %a model.bin)" = 755
        test -z "$(find . -name '*.aside')"
        git mlvc fsck
        """,
    )
    assert said.ok, said
    assert "No space left" in said.err
    assert "make: restored" in said.err


@pytest.mark.skipif(not can_mount(), reason="NO REAL DISK: to mount one takes root")
@pytest.mark.parametrize("room_kib", cases(range(4, 124, 8), [76]))
def test_law_10_a_full_disk_while_an_experiment_is_made_leaves_nothing_of_it(
    machine: Machine, room_kib: int
) -> None:
    """Wherever the room ends: in the snapshot, in its worktree, in the store, or when the result is recorded."""
    repo = machine.init()
    stage = STAGES.replace(b"$(cat size)", b"$(sed 's/n = //' params.toml)")
    stage = stage.replace(b'deps = ["size"]', b'params = ["n"]')
    repo.write({"mlvc.toml": stage, "params.toml": b"n = 10\n"}).add().commit("one")
    said = with_private_mount(
        repo,
        f"""
        mkdir small && mount -t tmpfs -o size=4m tmpfs small
        git clone -q . small/clone && cd small/clone
        dd if=/dev/zero of=../filler bs=1k count=5000 2>&- || true
        truncate -s -{room_kib}K ../filler
        if ! git mlvc exp run --name b -S n=2000 2>../../said; then
            cat ../../said >&2
            grep -iqE "no space|diskspace|unable to write|disk" ../../said
            test -z "$(git for-each-ref refs/mlvc)"
            test -z "$(ls .git/mlvc/exp/work .git/mlvc/exp/owners | grep -v :)"
            test "$(git worktree list | wc -l)" = 1
            rm ../filler
            git mlvc exp run --name b -S n=2000
        fi
        rm -f ../filler
        git cat-file -e refs/mlvc/exp/b
        git mlvc fsck
        """,
    )
    assert said.ok, said
    if "ran, and git cannot record it" in said.err:
        assert "make: restored" in said.err
