"""The table of experiments as one HTML page that stands alone: no request, nothing but its own script. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape

from git_mlvc.cli.experiments import cells
from git_mlvc.experiments.columns import Column, Kind
from git_mlvc.experiments.filter import MISSING, is_number
from git_mlvc.experiments.table import Group, Row, Table
from git_mlvc.text_width import shown

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --head: #f3f4f6; --paper: #fff; --ink: #1c1e21; --best: #0a7d33; --dim: #666 }
@media (prefers-color-scheme: dark) { :root { --head: #26292e; --paper: #17191c; --ink: #e4e6e9; --best: #53d17f; --dim: #9aa } }
body { margin: 0; padding: 1rem; font: 15px/22px system-ui, sans-serif; background: var(--paper); color: var(--ink) }
h1 { font-size: 1.2rem; margin: 0 0 .5rem }
p, li { color: var(--dim); overflow-wrap: anywhere }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; margin: 0 0 .6rem; color: var(--dim) }
.tools input[type=search] { flex: 0 1 22rem; min-width: 0; padding: .25rem .5rem; border: 1px solid var(--line); border-radius: 6px; background: var(--paper); color: var(--ink); font: inherit }
[hidden] { display: none !important }
.wide { overflow: auto; max-height: calc(100vh - 2rem); border: 1px solid var(--line); border-radius: 6px }
table { border-collapse: separate; border-spacing: 0; min-width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .6rem; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line) }
td { max-width: 24rem; overflow: hidden; text-overflow: ellipsis }
th { background: var(--head) }
thead th { position: sticky; top: 0; z-index: 1 }
thead th:first-child { left: 0; z-index: 2 }
thead th button { all: unset; cursor: pointer; font-weight: 600 }
thead th button:focus-visible { outline: 2px solid var(--best) }
thead th button:hover { text-decoration: underline }
thead th[aria-sort=ascending] button::after { content: " ↑" }
thead th[aria-sort=descending] button::after { content: " ↓" }
tbody th { position: sticky; left: 0; font-weight: 500; max-width: 40vw; overflow: hidden; text-overflow: ellipsis; background: var(--paper) }
tbody tr:first-child > * { background: var(--head); font-style: italic }
.number { text-align: right; padding-right: 1.3rem }
.best { color: var(--best); font-weight: 700 }
td.best { position: relative }
.best::after { content: "★"; position: absolute; right: .3rem }
@media print { .tools { display: none } .wide { max-height: none; overflow: visible } }
"""

_SCRIPT = r"""
"use strict";
for (const button of document.querySelectorAll("thead button")) button.onclick = () => {
  const head = button.closest("th"), at = head.cellIndex;
  const falls = head.ariaSort === "ascending" || (!head.ariaSort && head.dataset.first === "descending");
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.ariaSort = falls ? "descending" : "ascending";
  const value = row => row.cells[at].dataset.value;
  const compare = (one, two) => one.trim() !== "" && two.trim() !== "" && !isNaN(one) && !isNaN(two)
    ? one - two : one.localeCompare(two);
  for (const body of document.querySelectorAll("tbody")) {
    const [baseline, ...rows] = body.rows;
    const last = row => value(row) === undefined;
    rows.sort((one, two) => last(one) || last(two) ? last(one) - last(two)
      : compare(value(one), value(two)) * (falls ? -1 : 1));
    body.append(baseline, ...rows);
  }
};

const heads = [...document.querySelector("thead tr").cells];
const all = [...document.querySelectorAll("tbody tr")];
const experiments = all.filter(row => row !== row.parentNode.rows[0]);
const [filter, differing, shown] = ["filter", "differing", "shown"].map(id => document.getElementById(id));

// What a word of the filter asks of a row: acc>0.9, optimizer=adam; else that it stands somewhere.
const asks = word => {
  const parts = word.match(/^(.+?)(<=|>=|!=|=|<|>)(.+)$/) ?? [];
  const named = heads.filter(head => head.textContent === parts[1]);
  const found = named.length ? named : heads.filter(head => head.textContent.endsWith("." + parts[1]));
  if (found.length !== 1) return row => row.textContent.toLowerCase().includes(word.toLowerCase());
  const at = heads.indexOf(found[0]), wanted = parts[3];
  return row => {
    const value = row.cells[at].dataset.value;
    if (value === undefined) return parts[2] === "!=";
    const [one, two] = isNaN(wanted) || isNaN(value) ? [value, wanted] : [Number(value), Number(wanted)];
    return { "<": one < two, ">": one > two, "<=": one <= two, ">=": one >= two, "=": one === two, "!=": one !== two }[parts[2]];
  };
};
const choose = () => {
  const tests = filter.value.split(/\s+/).filter(Boolean).map(asks);
  for (const row of experiments) row.hidden = !tests.every(test => test(row));
  const seen = all.filter(row => !row.hidden);
  heads.forEach((head, at) => {
    const values = new Set(seen.map(row => row.cells[at].dataset.value));
    const hides = at > 0 && differing.checked && values.size < 2;
    for (const row of [head.parentNode, ...all]) row.cells[at].hidden = hides;
  });
  const left = experiments.filter(row => !row.hidden).length;
  shown.textContent = tests.length ? `${left} of ${experiments.length} shown` : "";
};
if (filter) {
  filter.oninput = differing.onchange = choose;
  choose();  // a browser that comes back to the page has kept what was typed
}
"""


_TOOLS = (
    '<div class="tools"><input type="search" id="filter" placeholder="filter: adam acc&gt;0.9" aria-label="Filter the experiments">',
    '<label><input type="checkbox" id="differing"> only columns that differ</label><output id="shown"></output></div>',
)


def page(table: Table) -> str:
    """Return the page."""
    rows = [*table.rows]
    numeric = frozenset(
        column for column in table.columns if any(is_number(row.value(column)) for row in rows)
    )
    count = sum(len(group.rows) for group in table.groups)
    title = f"{count} experiment{'s' if count != 1 else ''}"
    policy = (
        f"default-src 'none'; style-src '{_hash(_STYLE)}'; script-src '{_hash(_SCRIPT)}';"
        " base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            *_sorted_by(table),
            *(_TOOLS if count else ()),
            '<div class="wide"><table><thead><tr>',
            '<th scope="col"><button>experiment</button></th>',
            *(_head_of(column, table, numeric) for column in table.columns),
            "</tr></thead>",
            *(line for group in table.groups for line in _body(group, table, numeric)),
            "</table></div>",
            *_problems(rows),
            f"<script>{_SCRIPT}</script>",
            "</body></html>\n",
        ]
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _sorted_by(table: Table) -> Iterator[str]:
    if table.sorted_by is not None:
        which = "worst" if table.is_reversed else "best"
        if table.sorted_by.kind is not Kind.METRIC:
            which = "largest" if table.is_reversed else "smallest"
        name = _text(table.known.label(table.sorted_by))
        yield f"<p>Sorted by {name}, {which} first. A click on a heading sorts by it.</p>"


def _head_of(column: Column, table: Table, numeric: frozenset[Column]) -> str:
    """`data-first`: which way the first click sorts; `aria-sort`: how it is sorted now."""
    is_falling = column.kind is Kind.METRIC and table.goals.get(column) != "min"
    now = ""
    if column == table.sorted_by:
        now = (
            ' aria-sort="descending"'
            if is_falling != table.is_reversed
            else ' aria-sort="ascending"'
        )
    first = ' data-first="descending"' if is_falling else ""
    kind = ' class="number"' if column in numeric else ""
    return (
        f'<th scope="col"{kind} title="{_text(column.whole_name)}"{first}{now}>'
        f"<button>{_text(table.known.label(column))}</button></th>"
    )


def _body(group: Group, table: Table, numeric: frozenset[Column]) -> Iterator[str]:
    yield "<tbody>"
    for row in (group.baseline, *group.rows):
        about = " · ".join(one for one in (row.subject, row.commit) if one)
        yield (
            f'<tr><th scope="row" title="{_text(about)}" data-value="{_text(row.name)}">'
            f"{_text(row.name)}</th>"
        )
        for column in table.columns:
            value = row.value(column)
            kinds = ["number"] * (column in numeric)
            kinds += ["best"] * (column.kind is Kind.METRIC and table.is_best(column, value))
            yield f'<td class="{" ".join(kinds)}"{_exact(value)}>{_text(cells.text(column, value))}</td>'
        yield "</tr>"
    yield "</tbody>"


def _exact(value: object) -> str:
    """Return the attributes by which the script sorts: none for what comes last, as in the table."""
    if value is MISSING or value is None or value != value:
        return ""
    exact = cells.strict(value)
    text = _text(exact if isinstance(exact, str) else cells.exact(value))
    return f' title="{text}" data-value="{text}"'


def _problems(rows: list[Row]) -> Iterator[str]:
    found = [(row.name, problem) for row in rows for problem in row.findings.problems]
    if found:
        yield "<p>Could not be read:</p><ul>"
        yield from (f"<li>{_text(name)}: {_text(problem)}</li>" for name, problem in found)
        yield "</ul>"


def _text(text: str) -> str:
    return escape(shown(text), quote=True)
