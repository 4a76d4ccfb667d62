"""Which files of a directory count: by its path and who makes it, never by who asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.extent import examples
from support.repo import Machine
from support.states import Place, dep, file, folder, out

from git_mlvc.errors import InputError
from git_mlvc.pipeline.model import PipelineError
from git_mlvc.pipeline.standing import stat_cache
from git_mlvc.pipeline.standing.listing import few


@pytest.fixture
def place(machine: Machine) -> Place:
    return Place(machine.init())


SOURCE = {
    ".gitignore": b"__pycache__/\n*.log\n/data/\nkept/*\n",
    "src/a.py": b"a",
    "src/new.py": b"not added",
    "src/.hidden": b"h",
    "src/mlvc.toml": b"",
    "src/mlvc.lock": b"",
    "src/sub/.gitignore": b"*.tmp\n",
    "src/sub/b.py": b"b",
    "src/sub/x.tmp": b"x",
    "src/sub/__pycache__/b.pyc": b"c",
    "src/run.log": b"l",
    "data/raw.csv": b"1",
    "data/old.log": b"2",
    "kept/a": b"3",
}


def test_what_git_ignores_does_not_count_where_something_else_does(place: Place) -> None:
    place.write(SOURCE)
    place.repo.git("add", "src/a.py", "src/sub", ".gitignore")
    place.repo.git("add", "-f", "src/run.log")
    assert place.names("src") == [".hidden", "a.py", "new.py", "run.log", "sub/b.py"]
    assert place.names("src/sub") == ["b.py"]
    assert place.names("src/**/*.py") == ["a.py", "new.py", "sub/b.py"]
    assert place.names("data") == ["old.log", "raw.csv"]  # itself ignored
    assert place.names("data/*.log") == ["old.log"]
    assert place.names("kept") == ["a"]  # all that is in it is ignored
    assert place.names("src/sub/__pycache__") == ["b.pyc"]
    assert place.state("src/run.log") == file(b"l")  # a file that is named counts in any case


def test_a_run_that_leaves_ignored_files_behind_changes_nothing(place: Place) -> None:
    place.write(SOURCE)
    states = place.states(dep("src"), dep("data"))
    before = states.state(dep("src"))
    place.write({"src/__pycache__/a.pyc": b"c", "src/later.log": b"x"})
    states.forget()
    assert states.state(dep("src")) == before == place.state("src")
    assert states.state(dep("src")) == before
    for later in ("src/later.py", "src/sub/c.py", "src/empty/d.py"):
        place.write({"src/empty/only.log": b"x"})
        states.forget()
        assert states.state(dep("src")) == place.state("src") == before
        place.write({later: b"x"})
        states.forget()
        after = states.state(dep("src"))
        assert after == place.state("src") != before
        before = after


def test_git_is_asked_once_for_all_directories(place: Place) -> None:
    place.write({f"d{n}/{m}": b"" for n in range(100) for m in "ab"} | {".gitignore": b"b\n"})
    deps = [dep(f"d{n}") for n in range(100)]
    states = place.states(*deps, dep("d1/*"), dep("d1/a"))
    for one in deps:
        assert states.state(one) == folder({"a": b""})
    assert states.state(dep("d1/*")) == folder({"a": b""})
    states.forget()
    assert states.state(deps[7]) == folder({"a": b""})
    assert states.listings.questions == 1
    files_only = place.states(dep("d1/a"))
    files_only.state(dep("d1/a"))
    assert files_only.listings.questions == 0


def test_what_a_stage_makes_counts_whole_whoever_asks(place: Place) -> None:
    place.outs = [out("src/made"), out("src/one.log"), out("data/deep/made"), out("src/.gitignore")]
    made = {"x.log": b"1", "__pycache__/y": b"2", "mlvc.lock": b"3", ".gitignore": b"*\n"}
    place.write(SOURCE | {f"src/made/{name}": data for name, data in made.items()})
    place.write({"src/one.log": b"o", "src/.gitignore": b"", "data/deep/made/z": b"z"})
    assert place.states().out(place.outs[0]) == folder(made) == place.state("src/made")
    assert place.names("src/made/*.log") == ["x.log"]
    plain = [".gitignore", ".hidden", "a.py", "made/.gitignore", "made/__pycache__/y"]
    plain += ["made/mlvc.lock", "made/x.log", "new.py", "one.log", "sub/b.py"]
    assert place.names("src") == plain
    place.write({"lib/data/x": b"", "lib/a.py": b"", ".gitignore": b"data/\n"})
    place.outs = [out("lib/data/made/m")]
    place.write({"lib/data/made/m": b"m", "lib/data/made/n": b"n"})
    assert place.names("lib") == ["a.py", "data/made/m"]


def test_leaving_out_does_not_depend_on_whether_outs_are_there(place: Place) -> None:
    """Only what git ignores is in `d`, beside what a stage makes: it counts before and after."""
    place.write({".gitignore": b"*.csv\n", "d/raw.csv": b"r"})
    place.outs = [out("d/made.csv")]
    before = place.will_be("d", {"d/made.csv": file(b"m")})
    place.write({"d/made.csv": b"m"})
    assert place.state("d") == before == folder({"raw.csv": b"r", "made.csv": b"m"})


def test_repositories_inside_count_without_what_is_gits_and_with_their_own_ignores(
    place: Place, machine: Machine
) -> None:
    inner = machine.init("repo/libs/inner")
    place.write(
        {
            "libs/inner/.gitignore": b"*.pyc\n",
            "libs/inner/pkg/a.py": b"a",
            "libs/inner/pkg/a.pyc": b"c",
            "libs/fake/.git": b"gitdir: nowhere",
            "libs/fake/f": b"f",
        }
    )
    inner.git("add", "pkg/a.py")
    assert place.names("libs") == ["fake/f", "inner/pkg/a.py"]
    assert place.names("libs/inner") == ["pkg/a.py"]
    assert place.names("libs/inner/pkg") == ["a.py"]
    place.outs = [out("libs")]
    assert place.names("libs/inner/pkg") == ["a.py", "a.pyc"]


@pytest.mark.parametrize("has_modes", [True, False])
def test_where_modes_mean_nothing_git_says_what_is_a_program(place: Place, has_modes: bool) -> None:
    place.write({"d/run": b"#!", "d/not": b"", "d/new": b""})
    place.repo.git("add", "d/run", "d/not")
    place.repo.git("update-index", "--chmod=+x", "d/run")
    (place.top / "d" / "not").chmod(0o755)
    (place.top / "d" / "new").chmod(0o755)
    states = place.states(has_modes=has_modes)
    rows = states.standing(dep("d")).rows
    programs = {row.path for row in rows if row.is_executable}
    assert programs == ({b"not", b"new"} if has_modes else {b"run"})
    assert states.state(dep("d/run")).is_executable is not has_modes


def test_an_empty_directory_is_one_of_no_files(place: Place) -> None:
    (place.top / "d" / "empty").mkdir(parents=True)
    assert place.state("d") == folder({})
    assert place.state("d/*") is None
    assert place.state("nothing/*") is None


def test_a_pattern_that_looks_into_an_out_nobody_called_a_directory_is_refused(
    place: Place,
) -> None:
    place.outs = [out("d/made"), out("d/one.csv")]
    place.write({"d/made/a.csv": b"1", "d/one.csv": b"2", "d/b.txt": b""})
    with pytest.raises(PipelineError, match="d/made") as caught:
        place.state("d/**/*.csv")
    assert "'d/made/'" in caught.value.hint
    assert place.names("d/*.csv") == ["one.csv"]
    assert place.names("d/made/*") == ["a.csv"]
    assert place.names("d") == ["b.txt", "made/a.csv", "one.csv"]
    place.outs = [out("d/made", is_directory=True), out("d/one.csv")]
    assert place.names("d/**/*.csv") == ["made/a.csv", "one.csv"]


# -- what will stand there


FILES = {"a.csv": b"1", "sub/b.csv": b"2", "sub/c.bin": b"3"}


@pytest.mark.parametrize(
    "asked", ["d", "d/sub", "d/sub/b.csv", "d/**/*.csv", "d/sub/*", "**/*.csv"]
)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_restored_directory_is_seen_before_it_stands_there(
    place: Place, asked: str, is_there: bool
) -> None:
    place.outs = [out("d", is_directory=True)]
    if is_there:
        place.write({"d/a.csv": b"old", "d/old.csv": b"old", "d/sub": b"a file"})
    place.write({"other.csv": b"o"})
    state = folder(FILES)
    place.keep(FILES)
    before = place.will_be(asked, {"d": state, "elsewhere": file(b"")})
    for path in ("d/a.csv", "d/old.csv", "d/sub"):
        (place.top / path).unlink(missing_ok=True)
    place.write({f"d/{name}": data for name, data in FILES.items()})
    assert before == place.state(asked) is not None
    if asked == "d":
        place.trees.clear()
        assert place.will_be("d", {"d": state}) == state  # nobody has to know what is in it


@pytest.mark.parametrize("asked", ["w", "w/**", "w/*", "w/x/*.bin", "**/*.bin"])
def test_restored_outs_are_seen_in_the_directory_that_they_will_be_in(
    place: Place, asked: str
) -> None:
    place.outs = [out("w/x", is_directory=True), out("w/new.bin"), out("w/sub/deep.bin")]
    place.write({"w/x/old.bin": b"old", "w/kept": b"k", "w/new.bin": b"old", "w/sub": b"file"})
    inner = {"one.bin": b"1", "two": b"2"}
    place.keep(inner)
    wanted = {"w/x": folder(inner), "w/new.bin": file(b"n"), "w/sub/deep.bin": file(b"d")}
    before = place.will_be(asked, wanted)
    (place.top / "w" / "x" / "old.bin").unlink()
    (place.top / "w" / "sub").unlink()
    place.write({"w/x/one.bin": b"1", "w/x/two": b"2", "w/new.bin": b"n", "w/sub/deep.bin": b"d"})
    assert before == place.state(asked) is not None


def test_a_list_of_files_that_is_not_here_is_said_to_be(place: Place) -> None:
    with pytest.raises(InputError, match="not in the local store"):
        place.will_be("d/a", {"d": folder(FILES)})
    assert place.will_be("d/a", {"d": file(b"")}) is None


def test_a_link_where_a_stage_makes_something_is_nothing(place: Place) -> None:
    place.write({"real/a": b"1", "b": b"2"})
    (place.top / "d").symlink_to("real")
    (place.top / "f").symlink_to("b")
    states = place.states()
    assert states.out(out("d")) is None
    assert states.out(out("f")) is None
    assert states.out(out("b")) == file(b"2")
    assert states.out(out("nothing")) is None


def test_git_is_not_asked_about_too_many_places_one_by_one() -> None:
    assert few([b"a/b", b"a", b"c/d"]) == [b"a", b"c/d"]
    assert few([b"a/%d" % n for n in range(100)]) == [b"a"]
    assert few([b"%d/x" % n for n in range(100)]) is None
    assert few([b"", b"a"]) is None


# -- always the same as from the beginning


names = st.sampled_from(["d/a", "d/b.log", "d/s/a", "d/s/t/b", "d/o/a.log", "d/o/s/b", "e"])
edits = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "write", "write", "remove", "move", "link", "chmod", "ignore", "process"]
        ),
        names,
        names,
        st.integers(0, 3),
    ),
    max_size=12,
)


def _edit(place: Place, what: str, path: Path, other: Path, number: int) -> None:
    if what == "ignore":
        place.write({".gitignore": (b"*.log\n", b"a\n", b"s/\n", b"")[number]})
        return
    if what == "remove":
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if what == "write":
        path.write_bytes(b"%d" % number)
    elif what == "chmod" and path.exists():
        path.chmod(0o755 if number % 2 else 0o644)
    elif what == "move" and other.exists():
        other.replace(path)
    elif what == "link" and other.exists() and not path.exists():
        path.hardlink_to(other)


@settings(
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(edits)
def test_a_warm_cache_says_what_hashing_from_scratch_says(place: Place, steps: list) -> None:
    """Edits follow one another as fast as they can, so that many fall into one tick of the clock."""
    place.outs = [out("d/o")]
    asked = [dep(text) for text in ("d", "d/s", "d/o", "d/**/a", "e", "d/a")]
    session = place.states(*asked, clock=stat_cache.moment)
    for what, path, other, number in steps:
        _edit(place, what, place.top / path, place.top / other, number)
        if what in ("ignore", "process"):  # a change of what is ignored is noticed by the next one
            session = place.states(*asked, clock=stat_cache.moment)
        session.forget()
        warm = [session.state(one) for one in asked]
        session.save()
        assert warm == place.from_scratch(*asked)
