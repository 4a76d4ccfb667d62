"""A recipe is filed under an id that its own bytes cannot prove: a false one must not cost any data."""

import os

import pytest

from git_mlvc.errors import CorruptChunk
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.chunk_encoder import ChunkEncoder
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import Recipe
from git_mlvc.oid import Oid
from git_mlvc.store.store import Store


def poison(store: Store, content: bytes) -> None:
    """Put in, as a lying remote would: other chunks of the same total length, under the content's id."""
    half = len(content) // 2
    pieces = [b"\1" * half, b"\2" * (len(content) - half)]
    recipe = Recipe.of([(Oid.of(piece).digest, len(piece)) for piece in pieces])
    encoded = recipe_format.encode(recipe)
    encoder = ChunkEncoder()
    with store.session() as session:
        for piece in pieces:
            kind, payload = encoder.encode(piece)
            session.add_stored(Oid.of(piece).digest, Kind.CHUNK, kind, len(piece), payload)
        kind, payload = encoder.encode(encoded)
        session.add_stored(Oid.of(content).digest, Kind.RECIPE, kind, len(encoded), payload)
        session.commit()


def restored(store: Store, pointer: Pointer) -> bytes:
    pieces: list[bytes] = []
    store.restore(pointer, lambda piece: pieces.append(bytes(piece)))
    return b"".join(pieces)


def test_law_3_a_false_recipe_never_gives_bytes_that_pass(tmp_path):
    content = os.urandom(400_000)
    with Store.open(tmp_path / "store") as store:
        poison(store, content)
        with pytest.raises(CorruptChunk):
            restored(store, Pointer(Oid.of(content), len(content)))


def test_law_1_a_false_recipe_does_not_keep_the_true_one_out(tmp_path):
    content = os.urandom(400_000)
    with Store.open(tmp_path / "store") as store:
        poison(store, content)
        with store.session() as session:
            pointer = session.ingest_bytes(content)
            assert restored(store, pointer) == content
    with Store.open(tmp_path / "store") as store:
        assert restored(store, pointer) == content
        target = tmp_path / "file"
        with target.open("wb+") as file:
            store.restore_file(pointer, file.fileno())
        assert target.read_bytes() == content


def test_a_content_that_is_here_already_is_not_written_again(tmp_path):
    content = os.urandom(400_000)
    with Store.open(tmp_path / "store") as store:
        with store.session() as session:
            session.ingest_bytes(content)
        with store.session() as session:
            session.ingest_bytes(content)
            assert session.stats.stored_bytes == 0
