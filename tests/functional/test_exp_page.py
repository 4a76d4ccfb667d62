"""The page of `git mlvc exp show --html` in a real browser: it sorts, fits a telephone and asks for nothing."""

from __future__ import annotations

from pathlib import Path

from support.browser import Browser

from git_mlvc.cli.experiments.table_page import page
from git_mlvc.experiments.findings import Findings
from git_mlvc.experiments.table import DONE, Choice, Group, Row, make

BAD = "</th></script><script>window.hacked=1</script><img src=//x onerror=window.hacked=1>\"'"
NAMES = "return [...document.querySelectorAll('tbody th')].map((one) => one.textContent)"


def row(name: str, acc: float, lr: object, state: str = DONE) -> Row:
    params = {("params.toml", "lr"): lr, ("params.toml", BAD): BAD}
    metrics = {("metrics.json", "acc"): acc, ("metrics.json", "val"): -acc}
    findings = Findings(params, metrics, {("metrics.json", "val"): "min"}, problems=(BAD,))
    return Row(name, "c" * 40, state=state, subject=BAD, duration_s=1.5, findings=findings)


def test_the_table_sorts_fits_a_telephone_and_runs_nothing_of_others(
    tmp_path: Path, browser: Browser
) -> None:
    rows = (
        row("nine", 0.9, 9),
        row("ten", 0.1, 10),
        row("text", 0.5, "auto"),
        row("none", float("nan"), None),
        row("most", float("inf"), 1e-05),
        row(BAD, 0.2, 2),
    )
    table = make([Group(row("main", 0.3, 5, state=""), rows)], Choice())
    path = tmp_path / "table.html"
    path.write_text(page(table), encoding="utf-8")
    browser.open(path)

    def click(heading: str) -> list[str]:
        browser.run(
            "[...document.querySelectorAll('thead button')]"
            ".find((one) => one.textContent === arguments[0]).click()",
            heading,
        )
        found: list[str] = browser.run(NAMES)
        assert found[0] == "main"  # the baseline stays
        return found[1:]

    assert browser.run(NAMES) == ["main", "most", "nine", "text", BAD, "ten", "none"]
    sorted_now = "return document.querySelector('th[aria-sort]').textContent"
    assert browser.run(sorted_now) == "val"
    assert click("acc") == ["most", "nine", "text", BAD, "ten", "none"]  # more is better
    assert click("acc") == ["ten", BAD, "text", "nine", "most", "none"]
    assert click("lr")[:4] == ["most", BAD, "nine", "ten"]  # as numbers
    assert browser.run(sorted_now) == "lr"
    assert click("experiment")[1:4] == ["most", "nine", "none"]
    browser.find("thead button").send_keys(" ")
    assert browser.run(NAMES)[1:3] == ["text", "ten"]

    _it_is_filtered(browser)
    assert browser.run("return window.hacked ?? 'nothing ran'") == "nothing ran"
    assert browser.requests() == [path.resolve().as_uri()]
    assert browser.complaints() == []
    for scheme in ("light", "dark"):
        browser.open(path, width=400, scheme=scheme)
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        left = "return document.querySelector('tbody th').getBoundingClientRect().left"
        before = browser.run(left)
        browser.run("document.querySelector('.wide').scrollLeft = 300")
        assert browser.run(left) == before  # names stay in sight


def _it_is_filtered(browser: Browser) -> None:
    def shown(text: str) -> list[str]:
        box = browser.find("#filter")
        box.clear()
        box.send_keys(text)
        found: list[str] = browser.run(
            "return [...document.querySelectorAll('tbody tr:not([hidden]) th')].map((one) => one.textContent)"
        )
        return sorted(found[1:])  # the baseline stays

    assert shown("acc>=0.5 lr!=9") == ["most", "text"]
    assert shown("lr=auto") == ["text"]
    assert shown("NIN") == ["nine"]
    assert browser.find("#shown").text == "1 of 6 shown"
    headings = "return [...document.querySelectorAll('thead th:not([hidden])')].map((one) => one.textContent)"
    assert BAD in browser.run(headings)
    browser.find("#differing").click()
    assert browser.run(headings)[:4] == ["experiment", "acc", "val", "lr"]
    assert BAD not in browser.run(headings)
    browser.find("#differing").click()
    assert BAD in browser.run(headings)
    assert len(shown(" ")) == 6
