"""docs/formats says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from git_mlvc import chunking
from git_mlvc.formats import (
    chunk_codec,
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
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.run import RunInputs
from git_mlvc.git import attributes_file

DOCS = Path(__file__).parents[3] / "docs" / "formats"


def page(name: str) -> str:
    """The page as one line, so that no wrapping hides a sentence."""
    return re.sub(r"\s+", " ", (DOCS / f"{name}.md").read_text("utf-8"))


def test_every_codec_has_its_page_and_the_index_names_it():
    pages = {path.stem for path in DOCS.glob("*.md")} - {"README"}
    assert {"pointer", "chunks", "pack", "journal", "recipe", "segment", "store"} <= pages
    for name in pages:
        assert f"({name}.md)" in page("README")


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("pack", pack),
        ("journal", journal),
        ("recipe", recipe),
        ("segment", segment),
        ("tree", tree),
    ],
)
def test_magic_and_version(name, module):
    assert f"`{module.MAGIC.decode()}`" in page(name)
    assert f"`{module.VERSION:02x}`" in page(name)
    assert (
        (DOCS / f"{name}.md")
        .read_text("utf-8")
        .startswith(f"# {name.title()}, version {module.VERSION}\n")
    )


def test_runs():
    assert f"`{run_record.MAGIC.decode()}`" in page("run")
    assert page("run").startswith(f"# Run, version {run_record.VERSION} ")
    assert f"{run_record.MAX_RUN_BYTES} bytes at most" in page("run")
    text = run.canonical(RunInputs(("make",)))
    assert list(json.loads(text)) == re.findall(
        r'"([a-z]+)":', re.search(r"```\n(\{.*\})\n```", (DOCS / "run.md").read_text())[1]
    )


def test_the_example_pointer_is_one():
    example = re.search(r"```\n(git-mlvc pointer .*?)```", (DOCS / "pointer.md").read_text(), re.S)
    assert example is not None
    assert pointer.sniff(example[1].encode()) is not None
    assert f"{pointer.MAX_POINTER_BYTES} bytes" in page("pointer")


def test_attribute_lines_and_what_never_becomes_a_pointer():
    text = (DOCS / "pointer.md").read_text("utf-8")
    for line in (attributes_file.DATA_ATTRIBUTES, attributes_file.ABOVE_ATTRIBUTES):
        assert f"```\nPATTERN {b' '.join(line).decode()}\n```" in text
    listed = set(re.findall(r"^- `(.*)`$", text, re.M))
    assert listed == {name.decode() for name in pointer.NEVER_DATA}


def test_chunk_parameters():
    assert f"`{chunking.PROFILE}`" in page("chunks")
    for size in (chunking.MIN, chunking.AVG, chunking.MAX):
        assert f"{size} bytes" in page("chunks")


def test_pack_numbers():
    text = page("pack")
    assert f"table | {pack.ROW_SIZE} for each record" in text
    assert f"| footer | {pack.FOOTER_SIZE} |" in text
    assert f"| header | {pack.HEADER_SIZE}:" in text
    assert f"`{pack.END_MAGIC.decode()}`" in text
    assert f"({pack.PACK_TARGET_BYTES} bytes)" in text
    assert f"({pack.ALIGN_FROM_BYTES} bytes)" in text
    assert f"congruent, modulo {pack.ALIGNMENT}," in text
    assert f"1 to {chunk_codec.MAX_RAW_LEN}" in text
    kinds = ", ".join(f"{kind.value} {kind.name.lower()}" for kind in Kind)
    assert f"kind: {kinds}" in text
    assert [codec.value for codec in Codec] == [0, 1, 2, 3, 4]


def test_journal_numbers():
    text = page("journal")
    assert f"| {journal.RECORDS}, *records* |" in text
    assert f"| {journal.SEALED}, *sealed* |" in text
    assert f"up to {journal.MAX_HEADER_LEN} bytes" in text


def test_recipe_numbers():
    text = page("recipe")
    assert f"rows | {recipe.ROW.size} each" in text
    assert f"hints | {recipe.HINT.size} each" in text
    assert f"0 to {recipe.MAX_DEPTH}" in text
    assert f"from 1 to {recipe.MAX_CHUNK_LEN}" in text
    assert f"size / {recipe.MIN_MEAN_LEN} + 1 rows" in text
    assert f"({chunking.MAX} bytes)" in text
    assert recipe.MAX_CHUNK_LEN == chunk_codec.MAX_RAW_LEN


def test_segment_numbers():
    text = page("segment")
    assert f"packs | {segment.PACK_ROW.size} × P" in text
    assert f"ids | {segment.ID_SIZE} × N" in text
    assert f"rows | {segment.ROW.size} × N" in text
    assert f"runs | {segment.RUN_ROW.size} × R" in text
    assert f"the {segment.LAYOUT_SIZE - 4} bytes before" in text
    assert f"(N − 1) / {segment.BUCKET}" in text


def test_the_format_file_is_shown_as_it_is_written():
    shown = store_config.encode(store_config.StoreConfig()).decode()
    assert f"```\n{shown}```" in (DOCS / "store.md").read_text("utf-8")
