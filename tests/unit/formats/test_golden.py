"""Golden bytes: what was written once can be read for ever (law 5).

Files in tests/golden are only ever added to; see the README there.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from blake3 import blake3

from git_mlvc.formats import (
    journal,
    pack,
    pointer,
    recipe,
    run,
    run_record,
    segment,
    store_config,
    tree,
)
from git_mlvc.formats.chunk_codec import ChunkCodec, Codec
from git_mlvc.formats.journal import JournalHeader
from git_mlvc.formats.pack import Kind, Record
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import NO_PACK, Recipe
from git_mlvc.formats.run import RunDep, RunFile, RunInputs, RunOut, RunRecord, RunUrl
from git_mlvc.formats.segment import Location, PackTable, SegmentView
from git_mlvc.formats.tree import TreeRow
from git_mlvc.fs.owner import Owner
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath

GOLDEN = Path(__file__).parents[2] / "golden"


def name(text: str) -> bytes:
    """The id of `text`: any ids will do, as long as they are always the same."""
    return blake3(text.encode()).digest()


NOISE = blake3(b"golden noise").digest(length=3000)
TEXT = b"".join(b"%d squared is %d\n" % (n, n * n) for n in range(300))
TENSOR = b"".join(bytes([NOISE[n], NOISE[n + 1], 0x3D + n % 2, 0xBF]) for n in range(2000))
CHUNKS = {"noise": NOISE, "text": TEXT, "tensor": TENSOR}

PLAIN = Recipe.of([(name("one"), 70_000), (name("two"), 262_144), (name("one"), 70_000)])
NESTED = Recipe.of([(name("piece"), 200_000), (name("last piece"), 12)], depth=2)
HINTS = recipe.hints_of([name("pack a"), NO_PACK, NO_PACK])
OWNER = Owner(
    "lab7/0123456789abcdef", "11111111-2222-3333-4444-555555555555/pid:[4026531836]", 4242, "987654"
)
HEADER = JournalHeader(OWNER.encode(), "0123456789abcdef.pack")
ROWS = [
    Record(name("a"), Kind.CHUNK, Codec.RAW, 16, 3000, 3000),
    Record(name("b"), Kind.CHUNK, Codec.BG4_ZSTD, 4096, 5000, 80_000),
    Record(name("c"), Kind.RECIPE, Codec.ZSTD, 9096, 100, 300),
    Record(name("d"), Kind.RUN, Codec.RAW, 9196, 50, 50),
]
TABLES = [
    PackTable(name("pack a"), 10_000, pack.encode_table(ROWS)),
    PackTable(name("pack b"), 20_000, pack.encode_table([ROWS[0]._replace(offset=5000)])),
]
FILES = [
    TreeRow(b"a b.csv", Oid(name("a")), 2**63 - 1),
    TreeRow(b"bin/run", Oid(name("run")), 12, True),
    TreeRow(b"bin-empty", Oid.of(b""), 0),
    TreeRow(b"caf\xe9\n", Oid(name("latin")), 1),
]
INPUTS = RunInputs(
    commands=("python src/train.py --lr ${LR}", "echo Fertig — ja"),
    wdir=RepoPath(b"models"),
    env=(("LANG", "C.UTF-8"), ("LR", "0.1")),
    deps=(
        RunDep("path", "data/prepared", RunFile(Oid(name("tree")), 5000, 17, False, 1600)),
        RunDep("glob", "data/raw/*.csv", RunFile(Oid(name("raw")), 10, 2, False, 200)),
        RunDep("url", "https://example.org/a.csv", RunUrl('etag "33a64df5"', 12)),
        RunDep("url", "https://example.org/b.csv", RunUrl("date 2026-01-02")),
        RunDep("path", "run.sh", RunFile(Oid(name("script")), 44, is_executable=True)),
        RunDep("path", "src/train.py", RunFile(Oid(name("code")), 3)),
    ),
    params=(
        (RepoPath(b"config/model.yaml"), "", '{"layers":[1,2.5,null]}'),
        (RepoPath(b"params.toml"), "train.lr", "0.1"),
    ),
    out_paths=(RepoPath(b"caf\xe9.txt"), RepoPath(b"metrics.json"), RepoPath(b"models/best")),
)
FIRST_RUN = RunRecord(
    key=run.key(INPUTS),
    stage="models:train@cnn-0.1",
    made_at_ms=1_760_000_000_123,
    duration_ms=259_200_000,
    host="lab7",
    inputs=INPUTS,
    outs=(
        RunOut(RepoPath(b"caf\xe9.txt"), RunFile(Oid.of(b""), 0)),
        RunOut(RepoPath(b"metrics.json"), RunFile(Oid(name("metrics")), 20), is_pushed=False),
        RunOut(RepoPath(b"models/best"), RunFile(Oid(name("best")), 2**40, 3, False, 220)),
    ),
)
LONG_RUN = replace(FIRST_RUN, inputs=None, host="", duration_ms=0)
RUNS = [(name("stage"), name("d")), (name("stage"), name("e"))]

ENCODED = {
    "pointer/v1/small.txt": lambda: pointer.encode(Pointer(Oid(name("content")), 1)),
    "pointer/v1/large.txt": lambda: pointer.encode(Pointer(Oid(name("large")), 2**63 - 1)),
    "recipe/v1/plain.bin": lambda: recipe.encode(PLAIN),
    "recipe/v1/hints.bin": lambda: recipe.encode(PLAIN, HINTS),
    "recipe/v1/nested.bin": lambda: recipe.encode(NESTED),
    "pack/v1/table.bin": lambda: TABLES[0].rows,
    "pack/v1/footer.bin": lambda: pack.encode_footer(TABLES[0].rows, 9246),
    "journal/v1/open.bin": lambda: (
        journal.encode_header(HEADER)
        + journal.encode_records(pack.encode_table(ROWS[:1]))
        + journal.encode_records(pack.encode_table(ROWS[1:]))
    ),
    "journal/v1/sealed.bin": lambda: (
        journal.encode_header(HEADER) + journal.encode_sealed(name("pack a"))
    ),
    "segment/v1/two-packs.bin": lambda: segment.encode(TABLES, RUNS),
    "segment/v1/empty.bin": lambda: segment.encode([]),
    "segment/v1/many.bin": lambda: segment.encode([many()]),
    "tree/v1/files.bin": lambda: tree.encode(FILES),
    "tree/v1/empty.bin": lambda: tree.encode([]),
    "segment/v1/runs.bin": lambda: segment.encode([pack_of_runs()], runs_of_pack()),
    "run/v1/first.bin": lambda: run_record.encode(FIRST_RUN),
    "run/v1/long.bin": lambda: run_record.encode(LONG_RUN),
    "store/v1/format": lambda: store_config.encode(store_config.StoreConfig()),
}


def many() -> PackTable:
    """Enough rows for a fan-out of several buckets."""
    rows = [
        Record(name(f"row {at}"), Kind.CHUNK, Codec.RAW, 16 + 10 * at, 10, 10) for at in range(100)
    ]
    return PackTable(name("pack of many"), 7_000, pack.encode_table(rows))


def pack_of_runs() -> PackTable:
    """Two runs of one stage key among chunks, and more of others."""
    rows = [
        Record(name(f"row {at}"), Kind.RUN if at % 3 else Kind.CHUNK, Codec.RAW, 16 + at, 1, 1)
        for at in range(30)
    ]
    return PackTable(name("pack of runs"), 2_000, pack.encode_table(rows))


def runs_of_pack() -> list[tuple[bytes, bytes]]:
    return [(name(f"stage {at // 2}"), name(f"row {at}")) for at in range(30) if at % 3]


def golden(path: str) -> bytes:
    return (GOLDEN / path).read_bytes()


@pytest.mark.parametrize("path", ENCODED)
def test_encoders_write_the_golden_bytes(path):
    assert ENCODED[path]() == golden(path)


def test_golden_pointers_are_read():
    assert pointer.decode(golden("pointer/v1/small.txt")) == Pointer(Oid(name("content")), 1)
    assert pointer.decode(golden("pointer/v1/crlf.txt")) == Pointer(Oid(name("content")), 1)


def test_golden_recipes_are_read():
    assert recipe.decode_with_hints(golden("recipe/v1/plain.bin")) == (PLAIN, ())
    assert recipe.decode_with_hints(golden("recipe/v1/hints.bin")) == (PLAIN, HINTS)
    assert recipe.decode(golden("recipe/v1/nested.bin")) == NESTED


def test_the_golden_pack_is_read():
    """A whole pack with a payload of each kind; zstd may write other frames one day, never unread these."""
    data = golden("pack/v1/whole.mlvcpack")
    pack.check_header(data)
    footer = pack.decode_footer(data[-pack.FOOTER_SIZE :], len(data))
    table = data[footer.table_offset : footer.table_offset + footer.table_size]
    pack.check_table(table, footer)
    found = {}
    for record in pack.decode_table(table, table_offset=footer.table_offset):
        payload = data[record.offset : record.offset + record.stored_len]
        raw = ChunkCodec().decode(record.codec, payload, record.raw_len)
        assert blake3(raw).digest() == record.id
        found[record.codec] = raw
    assert found == {
        Codec.RAW: NOISE,
        Codec.ZSTD: TEXT,
        Codec.BG2_ZSTD: TENSOR[:4000],
        Codec.BG4_ZSTD: TENSOR,
        Codec.BG8_ZSTD: TENSOR[:7999],
    }


def test_golden_journals_are_read():
    data = golden("journal/v1/open.bin")
    header, start = journal.decode_header(data)
    assert header == HEADER
    assert Owner.decode(header.owner) == OWNER
    assert journal.decode_entries(data, start) == journal.Entries(
        pack.encode_table(ROWS), None, len(data)
    )
    data = golden("journal/v1/sealed.bin")
    assert journal.decode_entries(data, journal.decode_header(data)[1]).sealed == name("pack a")


def test_golden_segments_are_read():
    view = SegmentView(golden("segment/v1/two-packs.bin"))
    view.verify()
    assert set(view.tables()) == set(TABLES)
    assert view.runs_of(name("stage")) == sorted(run for _, run in RUNS)
    assert view.find(name("b")) == Location(
        name("pack a"), 4096, 5000, 80_000, Kind.CHUNK, Codec.BG4_ZSTD
    )
    assert len(view.find_all(name("a"))) == 2
    for path in ("empty", "many"):
        SegmentView(golden(f"segment/v1/{path}.bin")).verify()


def test_golden_segments_with_runs_are_read():
    view = SegmentView(golden("segment/v1/runs.bin"))
    view.verify()
    assert sorted(view.runs()) == sorted(runs_of_pack())
    assert view.runs_of(name("stage 2")) == sorted([name("row 4"), name("row 5")])
    assert view.runs_of(name("stage 1")) == [name("row 2")]
    assert view.runs_of(name("no stage")) == view.runs_of(bytes(32)) == []
    assert view.runs_of(b"\xff" * 32) == []


def test_golden_runs_are_read():
    assert run_record.decode(golden("run/v1/first.bin")) == FIRST_RUN
    assert run_record.decode(golden("run/v1/long.bin")) == LONG_RUN
    assert run_record.key_of(golden("run/v1/long.bin")) == run.key(INPUTS) == FIRST_RUN.key


def test_golden_trees_are_read():
    assert tree.decode(golden("tree/v1/files.bin")) == sorted(FILES)
    assert tree.decode(golden("tree/v1/empty.bin")) == []


def test_the_golden_format_file_is_read():
    assert store_config.decode(golden("store/v1/format")) == store_config.StoreConfig()


def test_no_golden_file_is_left_unread():
    files = {
        path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob("*/v1/*") if path.is_file()
    }
    ours = {path for path in files if path.split("/")[0] in {key.split("/")[0] for key in ENCODED}}
    assert ours == {*ENCODED, "pointer/v1/crlf.txt", "pack/v1/whole.mlvcpack"}
