"""Values of pipelines, by the handful and at random."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import (
    Dep,
    DepKind,
    FileState,
    Inputs,
    Param,
    Result,
    State,
    UrlState,
)
from git_mlvc.repo_path import RepoPath


def path(text: str) -> RepoPath:
    return RepoPath.parse(text)


def oid(seed: object) -> Oid:
    return Oid.of(str(seed).encode())


def file(seed: object = 0, size_bytes: int = 10, *, is_executable: bool = False) -> FileState:
    return FileState(oid(seed), size_bytes, is_executable=is_executable)


def tree(seed: object = 0, size_bytes: int = 10, files: int = 2) -> FileState:
    return FileState(oid(seed), size_bytes, files, tree_size_bytes=60 * files)


def result(
    command: str = "true",
    *,
    deps: dict[str, State] | None = None,
    params: dict[str, object] | None = None,
    outs: dict[str, FileState] | None = None,
) -> Result:
    """Return a result of the top's lock file. `params`: keys of params.toml."""
    made = outs or {}
    return Result(
        Inputs(
            (command,),
            deps=tuple((Dep(text), state) for text, state in sorted((deps or {}).items())),
            params=tuple(
                (Param(path("params.toml"), key), json.dumps(value))
                for key, value in sorted((params or {}).items())
            ),
            out_paths=tuple(sorted(map(path, made))),
        ),
        tuple(sorted((path(text), state) for text, state in made.items())),
    )


# -- at random

_part = st.one_of(
    st.sampled_from(["a", "b", "data", "sub", "x y", "é", "'", '"', "\\", "\udcff", "a.b", "\n"]),
    st.binary(min_size=1, max_size=4).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)


def _is_path(text: str) -> bool:
    try:
        RepoPath.parse(text)
    except ValueError:
        return False
    return True


path_texts = st.lists(_part, min_size=1, max_size=4).map("/".join).filter(_is_path)
paths = path_texts.map(path)
texts = st.one_of(
    st.text(max_size=12), st.text(st.characters(codec=None), max_size=4), st.just("\0"), st.just("")
)
oids = st.integers(0, 5).map(oid)
_sizes = st.integers(0, 10**19 - 1)
_files = st.builds(FileState, oids, _sizes, st.none(), st.booleans())
_trees = st.builds(FileState, oids, _sizes, _sizes, st.booleans(), _sizes)
file_states = st.one_of(_files, _trees)
_states = st.one_of(file_states, st.builds(UrlState, texts, st.none() | _sizes))
_deps = st.one_of(
    st.builds(Dep, path_texts, st.sampled_from([DepKind.PATH, DepKind.GLOB])),
    st.builds(Dep, texts, st.just(DepKind.URL)),
)
_pairs = st.tuples(texts, texts)


@st.composite
def results(draw: st.DrawFn) -> Result:
    """Results as stages leave them: some outs may lack a state."""
    out_paths = tuple(sorted(draw(st.sets(paths, max_size=3))))
    made = [(at, draw(st.none() | file_states)) for at in out_paths]
    return Result(
        Inputs(
            commands=tuple(draw(st.lists(texts, max_size=3))),
            wdir=draw(st.none() | paths),
            env=tuple(draw(st.lists(_pairs, max_size=2))),
            deps=tuple(draw(st.lists(st.tuples(_deps, _states), max_size=3))),
            params=tuple(
                draw(st.lists(st.tuples(st.builds(Param, paths, texts), texts), max_size=2))
            ),
            out_paths=out_paths,
        ),
        tuple((at, state) for at, state in made if state is not None),
    )


folders = st.none() | st.sampled_from(["sub", "data/a", "é"]).map(path) | paths
