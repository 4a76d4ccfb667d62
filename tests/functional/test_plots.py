"""`git mlvc plots` in a real repository: in the terminal, as a page, as files, as JSON."""

from __future__ import annotations

import json
import sys

import pytest
from support import drawn
from support.one_process import answers
from support.repo import Repo
from support.servers import programs


@pytest.fixture
def trained(repo: Repo) -> Repo:
    return drawn.committed(repo)


def test_all_plots_of_the_worktree_or_a_revision_are_drawn_as_text(trained: Repo) -> None:
    shown = trained.mlvc("plots", "show").out
    for title in ("Loss of mlp", "both.csv", "confusion.csv", "importance.json", "samples.png"):
        assert title in shown
    assert "1.5┤" in shown  # the highest loss of the worktree
    assert "loops" in shown and "█" in shown
    assert "worktree: PNG, 60 × 40, " in shown
    assert max(map(len, shown.splitlines())) <= 80
    before = trained.mlvc("plots", "show", "HEAD", "train").out
    assert " 1┤" in before and " 1.5┤" not in before
    assert "confusion" not in before
    ascii_only = trained.mlvc("plots", "show", "train", env={"PYTHONIOENCODING": "ascii"}).out
    assert ascii_only.isascii() and "+---" in ascii_only


def test_diff_lays_head_and_the_worktree_over_each_other(trained: Repo) -> None:
    shown = trained.mlvc("plots", "diff").out
    assert "● HEAD  + worktree" in shown
    assert "● train HEAD  + train worktree  × test HEAD  ○ test worktree" in shown
    assert "HEAD and worktree\n" in shown and "the same in HEAD and worktree" in shown
    experiment = trained.head()
    trained.git("update-ref", "refs/mlvc/exp/brave-otter", experiment)
    named = trained.mlvc("plots", "diff", "brave-otter", "plots/loss.csv").out
    assert "● brave-otter  + worktree" in named
    typed = ("plots", "diff", "brave-otter...", "plots/loss.csv")
    assert trained.mlvc(*typed, check=False).returncode == 2
    both = trained.mlvc("plots", "show", "HEAD...brave-otter", "plots/loss.csv").out
    assert f"● {experiment[:12]}  + brave-otter" in both
    assert (
        "● HEAD  + brave-otter" in trained.mlvc("plots", "show", "HEAD..brave-otter", "train").out
    )
    assert "confusion" not in named


def test_json_holds_the_charts_and_what_is_known_of_each_image(trained: Repo) -> None:
    found = json.loads(trained.mlvc("plots", "diff", "--json").out)
    assert found["revisions"] == [
        {"name": "HEAD", "commit": trained.head()},
        {"name": "worktree", "commit": None},
    ]
    by_path = {one["path"]: one for one in found["plots"]}
    assert len(by_path) == 6
    values = by_path["plots/loss.csv"]["charts"][0]["specs"][0]["spec"]["data"]["values"]
    assert [row["y"] for row in values if row["rev"] == "worktree"][:2] == [1.5, 0.75]
    assert [one["revision"] for one in by_path["plots/confusion.csv"]["charts"][0]["specs"]] == [
        "HEAD",
        "worktree",
    ]
    assert by_path["plots/samples.png"]["images"][0]["type"] == "image/png"
    assert found["failed"] == []


def test_the_page_is_one_file_and_never_replaces_another(trained: Repo) -> None:
    done = trained.mlvc("plots", "diff", "--out", "report.html")
    assert done.err == "wrote report.html\n"
    page = trained.read("report.html").decode()
    assert page.count("<section") == 6
    assert "Baseline" in page  # the subject of HEAD
    trained.mlvc("plots", "show", "--out", "report.html")
    trained.write({"mine.html": b"<p>mine</p>"})
    refused = trained.mlvc("plots", "show", "--out", "mine.html", check=False)
    assert refused.returncode == 10
    assert "mine.html is there already" in refused.err
    assert trained.read("mine.html") == b"<p>mine</p>"
    assert trained.mlvc("plots", "show", "--out", "report.png", check=False).returncode == 2
    trained.mlvc("plots", "show", "--out", "pages/of/today.html")
    assert (trained.path / "pages/of/today.html").stat().st_size > 0


def test_files_for_reports_need_an_extra_and_are_drawn_by_it(trained: Repo) -> None:
    absent = trained.mlvc("plots", "show", "--svg", "report", check=False)
    assert absent.returncode == 2
    assert "pip install 'git-mlvc[plots]'" in absent.err
    site = next(programs.python("vl-convert").parent.glob("lib/python*/site-packages"))
    words = ("plots", "diff", "evaluate", "--svg", "report", "--png", "report")
    done = trained.mlvc(*words, env={"PYTHONPATH": str(site)})
    images = [name for name in done.out.splitlines() if "samples" in name]
    assert len(images) == 4  # two revisions, once with each kind
    assert trained.read(images[0]) == drawn.files()["plots/samples.png"]
    assert trained.read("report/confusion.png").startswith(b"\x89PNG\r\n\x1a\n")
    svg = trained.read("report/confusion.svg").decode()
    assert "HEAD" in svg and "worktree" in svg and "predicted" in svg
    trained.write({"report/embedding.svg": b"<svg>mine</svg>"})
    again = ("plots", "show", "evaluate", "--svg", "report")  # over its own confusion.svg
    refused = trained.mlvc(*again, env={"PYTHONPATH": str(site)}, check=False)
    assert "report/embedding.svg is there already" in refused.err
    assert trained.read("report/embedding.svg") == b"<svg>mine</svg>"


def test_open_keeps_the_page_out_of_the_worktree(trained: Repo) -> None:
    opened = trained.path.parent / "opened"
    script = f"import sys; open({str(opened)!r}, 'w').write(sys.argv[1])"
    trained.write({"../browser": f"#!{sys.executable}\n{script}\n".encode()})
    browser = trained.path.parent / "browser"
    browser.chmod(0o755)
    before = trained.status()
    trained.mlvc("plots", "show", "--open", env={"BROWSER": f"{browser} %s"})
    assert opened.read_text() == (trained.git_dir.resolve() / "mlvc" / "plots.html").as_uri()
    assert trained.status() == before


def test_what_is_wrong_with_one_plot_keeps_no_other_away(trained: Repo) -> None:
    trained.write({"plots/loss.csv": b"epoch,los\n0,1\n", "plots/samples.png": b"none"})
    done = trained.mlvc("plots", "diff", check=False)
    assert done.returncode == 10
    assert "worktree has no column 'loss'" in done.out  # HEAD has it
    assert "plots/samples.png (worktree) is no image" in done.err
    assert "HEAD: PNG" in done.out and "importance" in done.out
    gone = trained.mlvc("plots", "show", "train", check=False)
    assert "hint: did you mean 'los'?" in gone.err
    trained.remove("plots/both.csv")
    assert "not in worktree" in trained.mlvc("plots", "diff", check=False).out
    missing = trained.mlvc("plots", "show", "train", check=False)
    assert "plots/both.csv is not there" in missing.err
    assert "hint: git mlvc repro" in missing.err


def test_without_stages_any_file_and_the_directory_plots_are_drawn(repo: Repo) -> None:
    none = repo.mlvc("plots", "show", check=False)
    assert none.returncode == 10
    assert "there are no plots in the worktree" in none.err
    repo.write({"sub/history.csv": b"it,cost,other\n0,3,1\n1,2,1\n", "sub/notes.txt": b"x"})
    words = ("--path", "history.csv", "-x", "it", "-y", "cost", "--title", "Cost")
    shown = repo.git("-C", "sub", "mlvc", "plots", "show", *words).out
    assert shown.startswith("Cost  (sub/history.csv)\n")
    assert " it " in shown.splitlines()[-2]
    assert "other" in repo.mlvc("plots", "show", "sub").out
    repo.write({"plots/loss.csv": drawn.loss(2.0), "plots/README.md": b"no plot"})
    assert repo.mlvc("plots", "show").out.startswith("plots/loss.csv\n")


def test_mistakes_are_told_with_what_was_meant(trained: Repo) -> None:
    mistakes = {
        ("trian",): "did you mean 'train'?",
        ("plots/los.csv",): "did you mean 'plots/loss.csv'?",
        ("train", "--template", "lines"): "did you mean 'line'?",
        ("train", "--template", "mine.json"): "there is no template mine.json",
        ("plots/loss.csv", "-y", "lss"): "did you mean 'loss'?",
    }
    heard = answers(trained, *(["plots", "show", *words] for words in mistakes))
    for done, (words, told) in zip(heard, mistakes.items(), strict=True):
        assert done.returncode in (2, 10), words
        assert told in done.err, words


def test_a_template_of_the_users_is_filled_in(trained: Repo) -> None:
    template = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": "<DVC_METRIC_DATA>"},
        "title": "<DVC_METRIC_TITLE>",
        "mark": "area",
        "encoding": {"x": {"field": "<DVC_METRIC_X>"}, "y": {"field": "<DVC_METRIC_Y>"}},
    }
    trained.write({"templates/area.json": json.dumps(template).encode()})
    stages = '[stage.a]\ncmd = "true"\nplots = [{path = "a.csv", x = "epoch", y = "loss", template = "../templates/area.json"}]\n'
    trained.write({"sub/mlvc.toml": stages.encode(), "sub/a.csv": drawn.loss(1.0, 2)})
    below = json.loads(trained.mlvc("plots", "show", "sub:a", "--json").out)
    assert below["plots"][0]["charts"][0]["specs"][0]["spec"]["mark"] == "area"
    words = ("plots/loss.csv", "--template", "templates/area.json", "--json")
    found = json.loads(trained.mlvc("plots", "show", *words).out)
    spec = found["plots"][0]["charts"][0]["specs"][0]["spec"]
    assert spec["title"] == "Loss of mlp"
    assert spec["encoding"] == {"x": {"field": "epoch"}, "y": {"field": "loss"}}
    assert spec["data"]["values"][0] == {"epoch": 0, "loss": 1.5, "rev": "worktree"}
    assert spec["$schema"].endswith("v6.json")


def test_plots_that_are_kept_as_data_are_read_through_their_pointers(repo: Repo) -> None:
    stages = b'[stage.train]\ncmd = "true"\nplots = [{path = "loss.bin.csv", store = true}]\n'
    repo.write({"mlvc.toml": stages, "loss.bin.csv": drawn.loss(3.0)}).track("*.csv").add()
    repo.commit("Baseline")
    repo.write({"loss.bin.csv": drawn.loss(1.0)})
    assert repo.blob("HEAD:loss.bin.csv").startswith(b"git-mlvc pointer")
    assert " 3┤" in repo.mlvc("plots", "diff").out
    repo.git("commit", "-qam", "Better")
    repo.lose_data()
    lost = repo.mlvc("plots", "show", "HEAD~1", check=False)
    assert lost.returncode == 10
    assert "the data of loss.bin.csv of HEAD~1 is not here" in lost.err
