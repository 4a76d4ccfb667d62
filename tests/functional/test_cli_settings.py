"""track, untrack, status, remote, install, init, doctor, env: set-up and looking."""

from __future__ import annotations

import json
import os
import pty

import pytest
from support.content import is_pointer, noise
from support.one_process import answers
from support.repo import Machine, Repo


def test_track_lists_and_untrack_takes_back(repo: Repo) -> None:
    above, again, as_json, back, gone = answers(
        repo,
        ["track", "data/**", "--above", "10kB"],
        ["track", "*.bin"],
        ["track", "--json"],
        ["untrack", "data/**"],
        ["untrack", "data/**"],
    )
    assert above.out == "tracking data/**\n"
    assert "already" in again.out
    listed = json.loads(as_json.out)["patterns"]
    assert [(line["pattern"], line["min_size_bytes"]) for line in listed] == [
        ("*.bin", 0),
        ("data/**", 10_000),
    ]
    assert back.ok and gone.returncode == 1
    assert b"data" not in repo.read(".gitattributes")
    repo.mlvc("track", "x")
    said = json.loads(repo.mlvc("untrack", "x", "--json").out)
    assert (said["kind"], said["untracked"]["removed"]) == ("untrack", ["x"])


def test_track_warns_where_git_does_not_know_the_filter(bare_machine: Machine) -> None:
    """Git passes over attributes of unknown filters: the content would end up in git itself, unsaid."""
    repo = bare_machine.init()
    said = repo.mlvc("track", "*.bin")
    assert "git does not know the filter yet" in said.err
    assert "git mlvc install" in said.err
    bare_machine.install()
    assert "does not know" not in repo.mlvc("track", "*.csv").err


def test_what_is_committed_is_told_about_and_converted_on_demand(repo: Repo) -> None:
    repo.write({"t.csv": b"a,b\n" * 1000}).add().commit("text")
    said = repo.mlvc("track", "*.csv")
    assert "t.csv" in said.err and "git mlvc track --renormalize" in said.err
    repo.mlvc("track", "--renormalize")
    repo.commit("converted")
    assert is_pointer(repo.git("cat-file", "blob", "HEAD:t.csv").stdout)
    assert repo.read("t.csv") == b"a,b\n" * 1000


def test_status_has_an_exit_code_for_scripts(repo: Repo, remote: Repo) -> None:
    repo.write({"a.bin": noise(3000), "b.bin": noise(4000)}).add().commit("one")
    said = repo.mlvc("status", "--exit-code").out.splitlines()
    assert said[0] == "2 data files, 2 present"
    repo.write({"a.bin": noise(3000, 7)})
    said = repo.mlvc("status", "--exit-code", check=False)
    assert said.returncode == 1 and "modified" in said.out
    every, one = (
        json.loads(said.out)["files"]
        for said in answers(repo, ["status", "--json"], ["status", "--json", "b.bin"])
    )
    states = {file["path"]: file["state"] for file in every}
    assert states == {"a.bin": "modified", "b.bin": "present"}
    assert one[0]["path"] == "b.bin"


def test_status_asks_the_remote_when_told_to(repo: Repo, remote: Repo) -> None:
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    assert json.loads(repo.mlvc("status", "--remote", "--json").out)["unpushed"] == ["a.bin"]
    repo.git("push", "-q", "origin", "main")
    assert json.loads(repo.mlvc("status", "--remote", "--json").out)["unpushed"] == []


def test_status_says_what_is_not_on_the_remote_yet(repo: Repo, remote: Repo) -> None:
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    assert repo.mlvc("status").out.splitlines()[1:] == [
        "1 file not on remote 'origin'",
        "  a.bin",
    ]
    repo.git("push", "-q", "origin", "main")
    assert repo.mlvc("status").out.splitlines()[1:] == ["0 files not on remote 'origin'"]
    remote.path.rename(remote.path.with_name("gone"))
    said = repo.mlvc("status")
    assert "is unknown" in said.out, "law 9: it is not up to date, and not missing"
    assert json.loads(repo.mlvc("status", "--json").out)["unpushed"] is None


def test_status_without_a_remote_knows_that_it_knows_nothing(repo: Repo) -> None:
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    assert "unknown: there is no remote to push data to" in repo.mlvc("status").out


def test_remotes_are_added_listed_and_removed(repo: Repo) -> None:
    store = repo.machine.path("lab")
    repo.mlvc("remote", "add", "lab", str(store), "--default")
    repo.mlvc("remote", "add", "mine", "../mine", "--private")
    listed = {
        r["name"]: r for r in json.loads(repo.mlvc("remote", "list", "--json").out)["remotes"]
    }
    assert listed["lab"]["default"] and listed["lab"]["trusted"]
    assert listed["lab"]["origin"] == "mlvc.toml" and listed["mine"]["origin"] == "git config"
    assert repo.mlvc("remote", "default").out == "lab\n"
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    repo.mlvc("push")
    assert (store / "segments").is_dir()
    repo.mlvc("remote", "remove", "lab")
    assert repo.mlvc("remote", "default", check=False).returncode == 1
    assert "lab" not in repo.mlvc("remote", "list").out
    assert store.is_dir()


def test_a_secret_is_not_written_where_everybody_reads(repo: Repo) -> None:
    address = "https://me:hunter2@example.org/data"
    said = repo.mlvc("remote", "add", "web", address, check=False)
    assert said.returncode == 2 and "hunter2" not in said.err + said.out
    assert not (repo.path / "mlvc.toml").exists()
    added, *shown = answers(
        repo, ["remote", "add", "web", address, "--private"], ["remote", "list"], ["env"]
    )
    assert added.ok and all(one.ok and "hunter2" not in one.out for one in shown)


def test_law_12_an_address_that_a_clone_brings_waits_for_trust(
    machine: Machine, repo: Repo, remote: Repo
) -> None:
    store = machine.path("elsewhere")
    repo.mlvc("remote", "add", "lab", str(store), "--default")
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    copy = machine.clone("origin.git", "copy")
    assert copy.stubs() == ["a.bin"]
    for words in (["pull"], ["pull", "lab"], ["fetch"]):
        said = copy.mlvc(*words, check=False)
        assert said.returncode != 0 and "git mlvc remote trust lab" in said.err, said
    copy.mlvc("remote", "trust", "lab")
    copy.mlvc("pull", "lab")
    assert copy.read("a.bin") == noise(3000)


def on_a_terminal(repo: Repo, *words: str, answer: bytes) -> tuple[int, str]:
    """Run `git mlvc WORDS` as a person would who answers when asked."""
    seen = bytearray()
    env = {**repo.machine.env(), "TERM": "xterm"}
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(repo.path)
        os.execvpe("git", ["git", "mlvc", *words], env)
    os.write(fd, answer)
    while True:
        try:
            data = os.read(fd, 1024)
        except OSError:
            break
        if not data:
            break
        seen.extend(data)
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode("utf-8", "replace")


def test_trust_is_asked_for_once_on_a_terminal(machine: Machine, repo: Repo, remote: Repo) -> None:
    repo.mlvc("remote", "add", "lab", str(machine.path("elsewhere")), "--default")
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    repo.git("push", "-q", "origin", "main")

    wary = machine.clone("origin.git", "wary")
    code, seen = on_a_terminal(wary, "pull", answer=b"n\n")
    assert code != 0 and "contact it? [y/N]" in seen
    code, seen = on_a_terminal(wary, "pull", answer=b"y\n")
    assert code != 0 and "contact it?" not in seen, "asked once"
    assert wary.stubs() == ["a.bin"]

    trusting = machine.clone("origin.git", "trusting")
    code, seen = on_a_terminal(trusting, "init", answer=b"y\n")
    assert code == 0 and "contact it? [y/N]" in seen, seen
    assert trusting.read("a.bin") == noise(3000)


def test_init_in_a_clone_does_it_all(
    bare_machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    author = bare_machine.init("author")
    author.mlvc("init")
    author.track("*.bin").write({"a.bin": noise(3000)}).add().commit("one")
    bare_machine.bare()
    author.git("push", "-q", "../origin.git", "main")
    copy = bare_machine.clone("origin.git", "copy")
    assert copy.stubs() == ["a.bin"]
    copy.mlvc("init")
    assert copy.read("a.bin") == noise(3000)
    before = copy.read("mlvc.toml")
    copy.mlvc("init")
    assert copy.read("mlvc.toml") == before


def test_install_touches_no_repository(bare_machine: Machine) -> None:
    repo = bare_machine.init()
    before = sorted((repo.path / ".git").rglob("*"))
    config = repo.read(".git/config")
    repo.mlvc("install")
    assert sorted((repo.path / ".git").rglob("*")) == before
    assert repo.read(".git/config") == config
    assert "as it was" in repo.mlvc("install").out
    repo.mlvc("uninstall")
    assert b"mlvc" not in bare_machine.config_file.read_bytes()


def test_doctor_proves_a_good_installation_and_names_what_mends_a_bad_one(
    repo: Repo, remote: Repo
) -> None:
    repo.mlvc("install", "--local")
    report = json.loads(repo.mlvc("doctor", "--json").out)
    assert report["ok"], report
    (repo.path / ".git" / "hooks" / "post-index-change").unlink()
    said = repo.mlvc("doctor", check=False)
    assert said.returncode == 1
    assert "post-index-change" in said.out and "git mlvc install --local" in said.out
    repo.set("filter.mlvc.process", "/nowhere/git-mlvc filter-process")
    assert "bad  filter" in repo.mlvc("doctor", check=False).out


def test_doctor_and_env_work_outside_of_a_repository(machine: Machine) -> None:
    assert machine.git("mlvc", "doctor").ok
    assert json.loads(machine.git("mlvc", "env", "--json").out)["versions"]["git-mlvc"]


def test_source_code_under_a_size_limit_merges_as_without_the_tool(repo: Repo) -> None:
    repo.mlvc("track", "*", "--above", "10kB")
    lines = [f"line {number}\n" for number in range(40)]
    repo.write({"code.py": "".join(lines).encode()}).add().commit("base")
    repo.git("switch", "-q", "-c", "topic")
    repo.write({"code.py": "".join([*lines[:39], "theirs\n"]).encode()}).add().commit("theirs")
    repo.git("switch", "-q", "main")
    repo.write({"code.py": "".join(["ours\n", *lines[1:]]).encode()}).add().commit("ours")
    repo.git("merge", "-q", "topic", "-m", "both")
    assert repo.read("code.py") == "".join(["ours\n", *lines[1:39], "theirs\n"]).encode()


def test_large_files_under_a_size_limit_conflict_whole(repo: Repo) -> None:
    repo.mlvc("track", "*", "--above", "10kB")
    repo.write({"big": noise(20_000, 1)}).add().commit("base")
    repo.git("switch", "-q", "-c", "topic")
    repo.write({"big": noise(20_000, 2)}).add().commit("theirs")
    repo.git("switch", "-q", "main")
    repo.write({"big": noise(20_000, 3)}).add().commit("ours")
    repo.fails("merge", "-q", "topic", "-m", "both")
    assert repo.read("big") == noise(20_000, 3)
    repo.git("checkout", "--theirs", "big")
    assert repo.read("big") == noise(20_000, 2)
