"""`git mlvc exp run` and `save`, through the real command line; stages are shell one-liners."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.copied import copied
from support.one_process import answers
from support.repo import Machine, Repo, launcher

STAGES = """\
[stage.prepare]
cmd = "cat source.txt extra.txt 2>/dev/null | tr a-z A-Z > data.bin"
deps = ["source.txt"]
outs = ["data.bin"]

[stage.train]
cmd = "sh train.sh"
deps = ["data.bin", "train.sh"]
params = ["train.lr", "seed"]
outs = ["model.bin"]
metrics = ["metrics.json"]
"""
TRAIN = """\
rate=$(sed -n 's/^lr = \\([^ ]*\\).*/\\1/p' params.toml)
{ cat data.bin; echo "$rate"; } > model.bin
echo "{\\"loss\\": $rate}" > metrics.json
echo "trained with $rate in $PWD"
test "$rate" != 9.0
"""
PARAMS = "# how it learns\nseed = 1\n\n[train]\nlr = 0.5  # step\nlayers = [64, 32]\n"


@pytest.fixture(scope="module")
def has_run(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A pipeline that has run and is committed, in `repo`."""
    machine = Machine(tmp_path_factory.mktemp("lab") / "machine").install()
    repo = machine.init().write(
        {
            "mlvc.toml": STAGES.encode(),
            "train.sh": TRAIN.encode(),
            "params.toml": PARAMS.encode(),
            "source.txt": b"some data\n",
            ".gitignore": b"ignored/\n",
        }
    )
    repo.add().commit("pipeline")
    repo.mlvc("repro")
    repo.add().commit("results")
    return machine


@pytest.fixture
def lab(has_run: Machine, tmp_path: Path) -> Repo:
    return copied(has_run, tmp_path / "lab").repo("repo")


def experiments(repo: Repo) -> list[str]:
    return repo.text("for-each-ref", "--format=%(refname:lstrip=3)", "refs/mlvc/exp/").split()


def left_behind(repo: Repo) -> list[str]:
    """Return worktrees, claims and locks that are still there."""
    home = repo.store / "exp"
    found = [str(path) for part in ("work", "owners") for path in (home / part).glob("*")]
    return found + repo.text("worktree", "list").splitlines()[1:]


def test_law_11_nothing_of_the_users_is_touched_and_an_experiment_is_a_commit_with_what_was_changed_and_what_came_of_it(
    lab: Repo,
) -> None:
    head, index = lab.head(), (lab.git_dir / "index").read_bytes()
    lab.write({"train.sh": (TRAIN + "# tried\n").encode(), "notes.txt": b"new\n"})
    lab.write({"key.pem": b"-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n"})
    lab.write({"ignored/x": b"not part of it"})
    lab.git("add", "train.sh")
    lab.write({"train.sh": (TRAIN + "# tried twice\n").encode()})
    staged = (lab.git_dir / "index").read_bytes()
    assert staged != index
    before = lab.snapshot()

    done = lab.mlvc(
        "exp",
        "run",
        "-S",
        "train.lr=0.1",
        "-S",
        "seed=3",
        "--name",
        "low",
        "-m",
        "a smaller step\n\nWhy.",
    )
    assert "train.sh" in done.err and "does not track yet: key.pem, notes.txt" in done.err
    assert "key.pem may hold a secret" in done.err
    assert "experiment low" in done.out and "loss  0.5 → 0.1  (-0.4)" in done.out
    assert "exp apply low" in done.err
    assert lab.snapshot() == before and (lab.git_dir / "index").read_bytes() == staged
    assert lab.head() == head and left_behind(lab) == []
    assert lab.text("branch", "-a") == "* main"

    ref = "refs/mlvc/exp/low"
    assert lab.text("rev-parse", f"{ref}^") == head
    assert lab.text("diff", "--name-only", head, ref).split() == [
        "key.pem", "metrics.json", "mlvc.lock", "model.bin", "notes.txt", "params.toml", "train.sh"
    ]  # fmt: skip
    assert lab.blob(f"{ref}:params.toml").decode() == PARAMS.replace("0.5", "0.1").replace(
        "= 1", "= 3"
    )
    assert lab.blob(f"{ref}:metrics.json") == b'{"loss": 0.1}\n'
    assert lab.blob(f"{ref}:train.sh").endswith(b"# tried twice\n")
    assert lab.blob(f"{ref}:model.bin").startswith(b"git-mlvc pointer 1")
    message = lab.text("log", "-1", "--format=%an%n%B", ref).splitlines()
    assert message[:4] == ["Ada", "a smaller step", "", "Why."]
    assert 'Mlvc-Params: {"params.toml:seed":3,"params.toml:train.lr":0.1}' in message
    assert [line for line in message if "Changed" in line] == [
        "Mlvc-Changed: key.pem", "Mlvc-Changed: notes.txt", "Mlvc-Changed: train.sh"
    ]  # fmt: skip
    assert "Mlvc-Stages: train" in message  # and not prepare, for which nothing changed
    assert list((lab.store / "exp" / "logs" / "low" / "train").iterdir())

    # Its data is complete: a checkout of it has the model, bit for bit.
    lab.git("stash", "-qu")
    lab.git("checkout", "-q", ref)
    assert lab.read("model.bin") == b"SOME DATA\n0.1\n"
    lab.git("checkout", "-q", "main")
    assert lab.mlvc("fsck").ok

    # What it names is needed, however its branch is rewritten, and whatever is collected.
    lab.git("stash", "drop", "-q")
    lab.git("reflog", "expire", "--expire=now", "--all")
    lab.git("gc", "-q", "--prune=now")
    lab.mlvc("prune", check=False)
    assert lab.git("cat-file", "-t", ref).out.strip() == "commit"


def test_an_equal_experiment_is_the_one_that_is_there_and_runs_nothing(lab: Repo) -> None:
    first = json.loads(lab.mlvc("exp", "run", "-S", "lr=0.1", "--json").out)
    assert first["kind"] == "exp-run" and first["is_new"] is True
    assert first["overrides"] == {"params.toml:train.lr": 0.1}
    again = json.loads(
        lab.mlvc("exp", "run", "-S", "train.lr=0.1", "--name", "other", "--json").out
    )
    assert (again["is_new"], again["name"]) == (False, first["name"])
    assert [stage["fate"] for stage in again["stages"]] == ["unchanged", "restored"]
    assert experiments(lab) == [first["name"]]
    assert "-" in first["name"]
    lab.mlvc("exp", "run", "-S", "lr=0.1", "--name", first["name"], check=False).refused_because(
        "already"
    )


def test_a_failing_experiment_leaves_its_log_and_nothing_else(lab: Repo) -> None:
    failed = lab.mlvc("exp", "run", "-S", "lr=9.0", "--name", "bad", check=False)
    assert failed.returncode == 9
    assert "experiment 'bad' failed" in failed.err and "trained with 9.0" in failed.err
    assert experiments(lab) == [] and left_behind(lab) == [] and lab.is_clean()
    log = Path(failed.err.split("all that it wrote: ")[1].split("\n")[0])
    assert any("trained with 9.0" in one.read_text() for one in log.rglob("*.log"))


def test_what_cannot_be_meant_is_refused_before_anything_runs(machine: Machine) -> None:
    repo = machine.init().write(
        {"mlvc.toml": STAGES.encode(), "train.sh": TRAIN.encode(), "params.toml": PARAMS.encode()}
    )
    repo.write({"source.txt": b"x"}).add().commit("pipeline")
    wrong = {
        ("-S", "train.rl=1"): "did you mean 'train.lr'",
        ("-S", "lr=fast"): '"fast" is text',
        ("-S", "seed=0.5"): "whole number",
        ("-S", "lr=nan"): "no number",
        ("-S", "lr"): "KEY=VALUE",
        ("--name", "a..b"): "no name for an experiment",
        ("--seed-from", ""): "neither an experiment nor a revision",
        ("--seed-from", "nowhere"): "neither an experiment nor a revision",
        ("--seed-from", "HEAD", "--in-place"): "exclude",
        ("trian",): "train",
    }
    said = answers(repo, *(["exp", "run", *words] for words in wrong))
    for refused, says in zip(said, wrong.values(), strict=True):
        assert refused.returncode == 2 and says in refused.err, refused
    assert left_behind(repo) == [] and experiments(repo) == []


def test_without_a_name_for_the_commit_nothing_runs(lab: Repo) -> None:
    lab.git("config", "user.useConfigOnly", "true")
    nobody = {"GIT_AUTHOR_NAME": "", "GIT_COMMITTER_NAME": ""}
    said = lab.mlvc("exp", "run", check=False, env=nobody)
    assert said.refused_because("git does not know who you are")


def test_what_is_in_conflict_or_never_committed_cannot_be_tried(machine: Machine) -> None:
    repo = machine.init().write({"mlvc.toml": STAGES.encode(), "params.toml": b"seed = 1\n"})
    repo.mlvc("exp", "run", check=False).refused_because("needs a commit")
    repo.add().commit("one").git("switch", "-qc", "other")
    repo.write({"params.toml": b"seed = 2\n"}).commit("two", "-a").git("switch", "-q", "main")
    repo.write({"params.toml": b"seed = 3\n"}).commit("three", "-a")
    assert not repo.git("merge", "-q", "other", check=False).ok
    refused = repo.mlvc("exp", "run", "-S", "seed=4", check=False)
    assert refused.returncode == 10
    assert "params.toml is in conflict" in refused.err and "git add params.toml" in refused.err


def test_in_place_it_runs_here_and_the_parameters_stay(lab: Repo) -> None:
    lab.mlvc("exp", "run", "--in-place", "-S", "lr=0.25", "--name", "here")
    assert b"lr = 0.25  # step" in lab.read("params.toml")
    assert lab.read("metrics.json") == b'{"loss": 0.25}\n'
    ref = "refs/mlvc/exp/here"
    assert lab.blob(f"{ref}:metrics.json") == b'{"loss": 0.25}\n'
    lab.git("add", "-A")
    assert lab.text("write-tree") == lab.text("rev-parse", f"{ref}^{{tree}}")

    # What fails leaves parameters and outs as they were, byte for byte.
    before = lab.snapshot()
    failed = lab.mlvc("exp", "run", "--in-place", "-S", "lr=9.0", "--name", "bad", check=False)
    assert failed.returncode == 9
    assert "params.toml: as before experiment 'bad' again" in failed.err
    kept = {name for name in lab.snapshot() if lab.snapshot()[name] != before.get(name)}
    assert kept == set(), kept

    # And what stands here can be recorded without running; what is stale is said.
    lab.write({"params.toml": PARAMS.replace("0.5", "0.75").encode()})
    saved = lab.mlvc("exp", "save", "--name", "kept", "-m", "by hand")
    assert "stale: train" in saved.err and "experiment kept" in saved.out
    assert b"0.75" in lab.blob("refs/mlvc/exp/kept:params.toml")
    assert lab.text("log", "-1", "--format=%s", "refs/mlvc/exp/kept") == "by hand"
    assert "equal" in lab.mlvc("exp", "save").out


def test_law_12_what_git_ignores_is_lent_inside_the_repository_where_the_settings_say_so(
    lab: Repo,
) -> None:
    command = (
        "cat ignored/x data.bin > model.bin; echo '{}' > metrics.json; echo more >> ignored/log"
    )
    stages = STAGES.replace("sh train.sh", command).replace('"train.sh"', '"ignored/x"')
    lab.write({"mlvc.toml": stages.encode(), "ignored/x": b"lent "}).commit("needs it", "-a")
    refused = lab.mlvc("exp", "run", check=False)
    assert "[exp] link" in refused.err and left_behind(lab) == []
    lab.write({"mlvc.toml": stages.encode() + b'\n[exp]\nlink = ["ignored", ".venv"]\n'})
    lab.write({"huge": bytes(10_000_000)})
    said = lab.mlvc("exp", "run", "--name", "lent").err
    assert "not lent, as it is not here: .venv" in said
    assert "huge (10 MB) is in git itself there" in said and "git mlvc track huge" in said
    lab.at("huge").unlink()
    assert lab.read("ignored/log") == b"more\n" and lab.read("ignored/x") == b"lent "
    assert "ignored" not in lab.text("ls-tree", "-r", "--name-only", "refs/mlvc/exp/lent").split()

    # A rule without a slash at its end ignores the link, too: git need not be told to leave it out.
    lab.write({".gitignore": b"ignored\n/deep/\n.venv\n", "deep/in/y": b"", ".venv/z": b""})
    lent = b'\n[exp]\nlink = ["ignored", "deep/in", ".venv"]\n'
    lab.write({"mlvc.toml": stages.encode() + lent})
    lab.mlvc("exp", "run", "--name", "ruled")
    held = lab.text("ls-tree", "-r", "--name-only", "refs/mlvc/exp/ruled").split()
    assert ".gitignore" in held and not {"ignored", "deep/in", ".venv"} & set(held)

    lab.write({"mlvc.toml": stages.encode() + b'\n[exp]\nlink = ["source.txt"]\n'})
    lab.mlvc("exp", "run", check=False).refused_because("git tracks source.txt")
    lab.write({"mlvc.toml": stages.encode() + b'\n[exp]\nlink = ["../elsewhere"]\n'})
    lab.mlvc("exp", "run", check=False).refused_because("no path inside the repository")
    assert left_behind(lab) == []


def test_it_goes_on_from_what_another_experiment_made(machine: Machine) -> None:
    stage = """\
[stage.train]
cmd = "echo $(sed -n 's/epochs = //p' params.toml) >> weights.bin"
params = ["epochs"]
outs = [{path = "weights.bin", persist = true}]
"""
    repo = machine.init().write({"mlvc.toml": stage.encode(), "params.toml": b"epochs = 1\n"})
    repo.add().commit("one")
    repo.mlvc("exp", "run", "--name", "first")
    repo.mlvc("exp", "run", "--seed-from", "first", "-S", "epochs=2", "--name", "second")
    repo.git("checkout", "-q", "refs/mlvc/exp/second")
    assert repo.read("weights.bin") == b"1\n2\n"


# -- several at once, and killed ones


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(waiting: Repo) -> Iterator[Start]:
    """Start `exp run` with arguments; what still runs at the end is killed."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [launcher(), "exp", "run", *arguments],
            cwd=waiting.path,
            env=waiting.machine.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        if process.poll() is None:
            process.kill()
            process.communicate()


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # nobody may be there to collect it


@pytest.fixture
def waiting(machine: Machine) -> Repo:
    """A stage that says `ready` through a pipe and then waits for a line of another."""
    stage = """\
[stage.wait]
cmd = "echo $$ > ../../../../../ready; read line < ../../../../../go; cp params.toml out.txt"
params = ["n"]
outs = [{path = "out.txt", store = false}]
"""
    repo = machine.init().write({"mlvc.toml": stage.encode(), "params.toml": b"n = 0\n"})
    repo.add().commit("one")
    for name in ("ready", "go"):
        os.mkfifo(repo.path / name)
    return repo.write({".git/info/exclude": b"ready\ngo\n"})


def ready(repo: Repo) -> int:
    return int((repo.path / "ready").read_text())


@contextlib.contextmanager
def let_go(repo: Repo, count: int) -> Iterator[None]:
    """Give each of `count` stages its line, whichever comes to the pipe when; it is open until the end."""
    fd = os.open(repo.path / "go", os.O_RDWR)
    try:
        os.write(fd, b"go\n" * count)
        yield
    finally:
        os.close(fd)


def test_two_at_once_do_not_disturb_each_other(waiting: Repo, start: Start) -> None:
    one = start("-S", "n=1", "--name", "one")
    ready(waiting)
    two = start("-S", "n=2", "--name", "two")
    ready(waiting)
    waiting.mlvc("exp", "run", "--name", "one", check=False).refused_because("being made")
    assert len(left_behind(waiting)) == 6

    # Nor does anybody take their names or them away.
    waiting.mlvc("exp", "save", "--name", "saved")
    waiting.machine.bare()
    waiting.git("push", "-q", "../origin.git", "HEAD:refs/mlvc/exp/two")
    for words, why in {
        ("rename", "saved", "one"): "'one' is being made by another process",
        ("rm", "one"): "'one' is running",
        ("pull", "../origin.git"): "'two' is being made by another process",
    }.items():
        waiting.mlvc("exp", *words, check=False).refused_because(why)
    assert experiments(waiting) == ["saved"]
    waiting.git("update-ref", "-d", "refs/mlvc/exp/saved")
    with let_go(waiting, 2):
        for process in (one, two):
            said = process.communicate()
            assert process.returncode == 0, said
    assert experiments(waiting) == ["one", "two"] and left_behind(waiting) == []
    for name, number in (("one", 1), ("two", 2)):
        assert waiting.blob(f"refs/mlvc/exp/{name}:out.txt") == f"n = {number}\n".encode()


def test_law_10_killed_in_place_the_next_command_puts_back_parameters_and_outs(
    waiting: Repo, start: Start
) -> None:
    """And touches nothing while it runs, and nothing that the user has edited since."""
    stage = waiting.read("mlvc.toml").replace(b"../../../../../", b"")
    waiting.write(
        {"mlvc.toml": stage, "out.txt": b"from before\n", "params.toml": b"n = 0 # mine\n"}
    )
    before = waiting.snapshot()

    def kill(*, looks: bool) -> None:
        process = start("-S", "n=1", "--in-place", "--name", "here")
        ready(waiting)
        assert waiting.read("params.toml") == b"n = 1 # mine\n" and not waiting.has("out.txt")
        if looks:
            other = waiting.mlvc("exp", "run", "--in-place", "-S", "n=3", check=False)
            assert other.returncode == 6
        assert waiting.read("params.toml") == b"n = 1 # mine\n"
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    kill(looks=True)
    assert "put" in waiting.mlvc("repro", "--plan", check=False).err
    said = waiting.mlvc("exp", "list").err
    assert "params.toml: as before experiment 'here' again" in said
    assert waiting.snapshot() == before and left_behind(waiting) == []
    assert waiting.mlvc("exp", "list").err == ""
    listed = json.loads(waiting.mlvc("exp", "status", "--json").out)["experiments"]
    assert [(one["name"], one["state"]) for one in listed] == [("here", "interrupted")]

    kill(looks=False)
    waits = b"echo $$ > ready; read line < go; "
    waiting.write({"params.toml": b"n = 1 # and more\n", "mlvc.toml": stage.replace(waits, b"")})
    said = waiting.mlvc("repro").err
    place = Path(said.split("as it was before: ")[1].split("\n")[0])
    assert place.read_bytes() == b"n = 0 # mine\n"
    assert waiting.read("out.txt") == waiting.read("params.toml") == b"n = 1 # and more\n"


def test_law_10_an_interrupted_one_leaves_nothing_and_a_killed_one_is_cleared_away_by_the_next(
    waiting: Repo, start: Start
) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start("-S", "n=1")
        ready(waiting)
        os.killpg(process.pid, number)
        process.communicate()
        assert process.returncode == 130
        assert left_behind(waiting) == [] and experiments(waiting) == []

    process = start("-S", "n=1", "--name", "killed")
    shell = ready(waiting)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert left_behind(waiting) != []
    living = start("-S", "n=2", "--name", "living")
    ready(waiting)
    assert not is_running(shell)
    assert not any("killed" in path for path in left_behind(waiting))
    with let_go(waiting, 1):
        _, said = living.communicate()
    assert living.returncode == 0 and b"removed what the killed experiment 'killed' left" in said
    assert experiments(waiting) == ["living"] and left_behind(waiting) == []
