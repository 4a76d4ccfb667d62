"""What `make test` cuts short is shown there by something else, and tried in full by `make faults`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support import extent

TOP = Path(__file__).parents[3]
FILES = {path: path.read_text("utf-8") for path in (TOP / "tests").rglob("test_*.py")}
LEFT_OUT = re.compile(r'^ *@further\("(\w+)"\).*\n(?: *@.*\n)* *def (test_\w+)', re.M)


def test_what_is_left_out_names_a_test_that_is_not() -> None:
    left_out = [found for text in FILES.values() for found in LEFT_OUT.findall(text)]
    assert len(left_out) == sum(
        len(re.findall(r"^ *@further", text, re.M)) for text in FILES.values()
    )
    there = {name for text in FILES.values() for name in re.findall(r"def (test_\w+)\(", text)}
    assert [shown_by for shown_by, _ in left_out if shown_by not in there] == []
    assert {shown_by for shown_by, _ in left_out} & {test for _, test in left_out} == set()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_faults_runs_all_that_is_cut_short() -> None:
    words = ["make", "-n", "--no-print-directory", "VENV=none", "faults"]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, check=True)
    given = {TOP / word for word in done.stdout.split() if word.startswith("tests/")}
    short = [path for path, text in FILES.items() if re.search(r"support\.extent|both_ways", text)]
    assert short
    assert [path for path in short if not given & {path, *path.parents}] == []


def test_there_is_no_case_that_is_not_among_all() -> None:
    with pytest.raises(ValueError, match="three"):
        extent.cases(["one", "two"], ["three"])
    assert set(extent.cases(["one", "two"], ["two"])) >= {"two"}
