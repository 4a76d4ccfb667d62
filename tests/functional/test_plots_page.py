"""The page of plots in a real browser: what is drawn, how it is used, and that it asks for nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import drawn
from support.browser import Browser
from support.repo import Repo

from git_mlvc.plots import gather, page
from git_mlvc.plots.definition import Definition
from git_mlvc.plots.picture_series import Wanted
from git_mlvc.repo_path import RepoPath

DRAWN = "document.documentElement.dataset.drawn"
# How many items each mark of the chart with this title has, as Vega drew them.
COUNTS = """
const section = [...document.querySelectorAll('section')]
  .find((one) => one.querySelector('h2').textContent === arguments[0]);
return [...section.querySelectorAll('svg [class*=role-mark]')].map((mark) =>
  [mark.getAttribute('class').match(/mark-(\\w+)/)[1], mark.querySelectorAll(':scope > path, :scope > text').length]);
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who would notice if a page asked for something."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        found.listen()
        found.setblocking(False)
        yield found


def nobody_came(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return True
    return False


def test_two_revisions_are_drawn_compared_and_nothing_is_asked_for(
    repo: Repo, browser: Browser
) -> None:
    drawn.committed(repo).mlvc("plots", "diff", "--out", "plots.html")
    path = repo.at("plots.html")
    browser.open(path, until=DRAWN)
    assert browser.run(f"return {DRAWN}") == "all"
    assert browser.requests() == [path.resolve().as_uri()]
    assert browser.complaints() == []

    lines = browser.run(COUNTS, "Loss of mlp")
    assert lines.count(["line", 1]) == 2  # one path for each revision
    assert ["symbol", 40] in lines  # twenty epochs, twice
    cells = browser.run(COUNTS, "plots/confusion.csv")
    assert cells.count(["rect", 100]) == 2
    assert ["rect", 4] in browser.run(COUNTS, "plots/importance.json")
    assert ["symbol", 60] in browser.run(COUNTS, "plots/embedding.csv")
    seen = browser.run("return document.querySelector('svg').textContent")
    assert "epoch" in seen and "HEAD" in seen and "worktree" in seen

    _the_slider_follows_keys_and_pointer(browser)
    _a_legend_picks_out(browser)
    _policy_holds(browser)

    for scheme in ("light", "dark"):
        browser.open(path, width=400, scheme=scheme, until=DRAWN)
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        ink, ground = browser.run(
            "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]"
        )
        assert (_lightness(ink) > _lightness(ground)) == (scheme == "dark")
        # What is drawn takes the colour of the text around it.
        label = "return getComputedStyle(document.querySelector('.role-axis-label text')).fill"
        assert browser.run(label) == ink
        assert browser.run("return document.querySelectorAll('svg.marks').length") == 6
    assert browser.complaints() == []


def _lightness(colour: str) -> int:
    """Of a colour as browsers write it: rgb(28, 39, 51)."""
    return sum(map(int, colour.removeprefix("rgb(").rstrip(")").split(",")))


def _the_slider_follows_keys_and_pointer(browser: Browser) -> None:
    from selenium.webdriver import ActionChains, Keys

    def shown() -> str:
        clip: str = browser.run("return document.querySelector('.compare .top').style.clipPath")
        return clip

    slider = browser.find(".compare input")
    browser.run("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", slider)
    assert shown() == "inset(0px 50% 0px 0px)"
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert shown() == "inset(0px 48% 0px 0px)"
    slider.send_keys(Keys.HOME)
    assert shown() == "inset(0px 100% 0px 0px)"
    width = slider.size["width"]
    ActionChains(browser.driver).move_to_element_with_offset(
        slider, width // 4, 0
    ).click().perform()
    right = float(shown().split()[1].rstrip("%"))
    assert 15 < right < 35
    images = "return [...document.querySelectorAll('.compare img')].map((one) => one.alt)"
    assert browser.run(images) == ["worktree", "HEAD"]  # below, and over it
    browser.find(".compare select").send_keys("w")
    assert browser.run(images) == ["worktree", "worktree"]


def _a_legend_picks_out(browser: Browser) -> None:
    faint = "return [...document.querySelectorAll('section:first-child .mark-line path')].map((one) => one.getAttribute('opacity') ?? '1')"
    assert browser.run(faint) == ["1", "1"]
    label = browser.find("section .role-legend-label text")
    browser.run("arguments[0].scrollIntoView({block: 'center'})", label)
    label.click()
    browser.wait(lambda: browser.run(faint) == ["1", "0.12"])


def _policy_holds(browser: Browser) -> None:
    """Scripts that are not the page's own do not run, and nothing can be asked for."""
    browser.complaints()
    browser.run(
        "const one = document.createElement('script'); one.textContent = 'window.foreign = 1';"
        "document.body.append(one)"
    )
    asked = "return fetch('https://example.org/').then(() => 'asked', () => 'refused')"
    assert browser.run(asked) == "refused"
    assert browser.run("return window.foreign ?? 'did not run'") == "did not run"
    assert all("Content Security Policy" in one for one in browser.complaints())


def test_law_12_hostile_names_data_and_templates_run_and_ask_nothing(
    tmp_path: Path, browser: Browser, listener: socket.socket
) -> None:
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    bad = f"</script><script>window.hacked=1</script><img src={address}a onerror=window.hacked=1>"
    quoted = "\"'><img src=x onerror=window.hacked=1>${hacked=1}]['"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg'><script>window.hacked=1</script><image href='{address}b'/></svg>"
    table = json.dumps([{"step": 0, quoted: 1, bad: 2}, {"step": 1, quoted: 3, bad: bad}]).encode()
    template = {
        "data": {"values": "<DVC_METRIC_DATA>"},
        "usermeta": {"embedOptions": {"ast": False, "actions": {"editor": True}}},
        "transform": [{"calculate": "replace('a', /a/, 'b')", "as": "c"}],
        "layer": [
            {"mark": {"type": "image", "width": 9, "height": 9}, "encoding": {"url": {"value": address + "c"}}},
            {"mark": "point", "encoding": {"href": {"value": "javascript:window.hacked=1"}, "x": {"field": "step"}}},
        ],
    }  # fmt: skip
    loading = {
        "data": {"values": "<DVC_METRIC_DATA>"},
        "transform": [
            {
                "lookup": "step",
                "from": {"key": "a", "fields": ["b"], "data": {"name": "other"}},
            }
        ],
        "datasets": {"other": [{"a": 0, "b": "toString.constructor('window.hacked=1')()"}]},
        "mark": "point",
    }
    files = {
        f"plots/{bad.replace('/', '-')}.json": table,
        "plots/logo.svg": svg.encode(),
        "plots/own.json": table,
        "plots/other.json": table,
        "own-template.json": json.dumps(template).encode(),
        "other-template.json": json.dumps(loading).encode(),
    }
    views = [
        drawn.View(f"HEAD {bad}", files),
        drawn.View(quoted, {**files, "plots/logo.svg": svg.encode()}),
    ]
    own = {
        "plots/own.json": "own-template.json",
        "plots/other.json": "other-template.json",
    }

    def adjust(definition: Definition) -> Definition:
        if definition.path in own:
            return Definition(definition.path, x="step", template=own[definition.path])
        return definition

    found = gather.gather(
        views, paths=[RepoPath.parse(path) for path in list(files)[:4]], adjust=adjust
    )
    assert found.errors == ()
    path = tmp_path / "page.html"
    path.write_text(page.page(found, title=bad, details={quoted: bad}), encoding="utf-8")
    browser.open(path, until=DRAWN)
    assert browser.run("return window.hacked ?? 'nothing ran'") == "nothing ran"
    assert browser.run("return document.querySelectorAll('main img').length") == 1
    assert browser.run("return document.title") == bad
    assert browser.run("return document.querySelectorAll('svg.marks').length") >= 2
    for link in browser.driver.find_elements("css selector", "main svg a"):
        browser.run("arguments[0].dispatchEvent(new MouseEvent('click'))", link)
    assert browser.run("return window.hacked ?? 'nothing ran'") == "nothing ran"
    assert browser.requests() == [path.as_uri()]
    assert nobody_came(listener)


def test_images_by_step_follow_their_slider_side_by_side_and_in_pairs(
    tmp_path: Path, browser: Browser
) -> None:
    def view(name: str, steps: range, level: int) -> drawn.View:
        files = {f"plots/seen/{n}.png": drawn.png(8, 6, (n, level, 0)) for n in steps}
        return drawn.View(name, {**files, "plots/none.csv": b""}, "plots/")

    views = [view("old", range(0, 200, 50), 0), view("new", range(0, 150, 50), 9)]
    path = tmp_path / "page.html"
    found = gather.gather(views, series_steps=Wanted())
    path.write_text(page.page(found, title="Series", details={}), encoding="utf-8")
    browser.open(path, until=DRAWN)

    def seen() -> list[list[int] | None]:
        """Return red and green of both images side by side, then of both over each other; None where there is none."""
        colours: list[list[int] | None] = browser.run(
            "return Promise.all([...document.querySelectorAll('.series img')].map(async (one) => {"
            "  if (!one.hasAttribute('src') || one.hidden) return null;"
            "  await one.decode();"
            "  const pen = new OffscreenCanvas(8, 6).getContext('2d');"
            "  pen.drawImage(one, 0, 0);"
            "  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 2);"
            "}))"
        )
        return colours

    from selenium.webdriver import ActionChains, Keys

    assert seen() == [[150, 0], None, None, [150, 0]]  # the new one has no step 150
    assert "not at this step" in browser.find(".series").text
    slider = browser.find(".steps input")
    slider.send_keys(Keys.ARROW_LEFT)
    assert seen() == [[100, 0], [100, 9], [100, 9], [100, 0]]
    assert browser.find(".steps output").text == "100"
    assert slider.get_attribute("aria-valuetext") == "step 100"
    ActionChains(browser.driver).move_to_element_with_offset(
        slider, -slider.size["width"] // 2 + 4, 0
    ).click().perform()
    assert seen() == [[0, 0], [0, 9], [0, 9], [0, 0]]
    assert (
        browser.run("return document.querySelector('.images img').alt") == "plots/seen, old, step 0"
    )
    assert "plots/none.csv" in browser.find(".failed-plots").text
    assert browser.requests() == [path.resolve().as_uri()]
    assert browser.complaints() == []
