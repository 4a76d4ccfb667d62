"""Lineage as people read it: a tree with what was made at the top and its sources at the leaves."""

from __future__ import annotations

import time

from git_mlvc.cli.tree_lines import Node
from git_mlvc.pipeline.model import DepKind, FileState, State, UrlState
from git_mlvc.pipeline.tracing_back.lineage import Commit, Lineage, Link, Making, Need, Sure
from git_mlvc.units import count_text, names_text, seconds_text, size_text

_NAMES = 5


def tree(lineage: Lineage, rev: str | None) -> Node:
    """Return the tree; each making is told where it is first met, and named where it is met again."""
    return _Teller(lineage.makings).root(lineage, rev)


class _Teller:
    def __init__(self, makings: tuple[Making, ...]) -> None:
        self._makings = makings
        self._told: set[int] = set()

    def root(self, lineage: Lineage, rev: str | None) -> Node:
        where = f" in {rev}" if rev is not None else ""
        state = lineage.standing if lineage.standing is not None else lineage.made
        node = Node([f"{lineage.path}{where}{_details(state)}"])
        if lineage.standing is None:
            node.texts.append("nothing stands there now")
        elif lineage.made is not None and lineage.is_changed:
            made = _details(lineage.made)[1:]
            node.texts.append(f"changed since: this is not what its stage made:{made}")
        elif lineage.is_changed and not any(link.is_part for link in lineage.links):
            node.texts.append("changed since: its stage made no such file")
        if not lineage.links:
            node.texts += ["made by no stage", _commit_text(lineage.commit)]
        self._fill([(node, lineage.links)])
        return node

    def _fill(self, waiting: list[tuple[Node, tuple[Link, ...]]]) -> None:
        """Tell who made what, in the order in which it is shown; with a list, for chains may be long."""
        while waiting:
            node, links = waiting.pop()
            if len(links) > 1:
                parts = [Node([]) for _ in links]
                node.children += parts
                waiting += reversed(
                    [(part, (link,)) for part, link in zip(parts, links, strict=True)]
                )
            elif links:
                waiting += reversed(self._tell(node, links[0]))

    def _tell(self, node: Node, link: Link) -> list[tuple[Node, tuple[Link, ...]]]:
        """Return what is to be told of what this was made from."""
        node.texts.append(self._made_by(link))
        if link.made_by is None or link.made_by in self._told:
            return []
        self._told.add(link.made_by)
        making = self._makings[link.made_by]
        node.name = node.texts[0]
        node.children += _given(making)
        inner = [(_need(need), need.links) for need in making.needs]
        inner += [(Node([f"params of {one.stage}"]), (one,)) for one in making.param_links]
        node.children += [child for child, _ in inner]
        return inner

    def _made_by(self, link: Link) -> str:
        if link.made_by is None:
            return f"from {link.stage}, but nothing that it is known to have made"
        text = f"{'in part ' if link.is_part else ''}made by {link.stage}"
        if link.made_by in self._told:
            text += " (told above)"
        elif (run := self._makings[link.made_by].run) is not None:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.made_at_ms / 1000))
            text += f", {when}, in {seconds_text(run.duration_ms / 1000)}, on {run.host}"
        if link.sure is Sure.LIKELY:
            text += ", it seems: contents could not be compared"
        return text


def _given(making: Making) -> list[Node]:
    """What a stage was given besides files."""
    inputs = making.result.inputs
    nodes = [Node([f"$ {command}"]) for command in inputs.commands]
    if inputs.wdir is not None:
        nodes.append(Node([f"in {inputs.wdir}/"]))
    nodes += [Node([f"{name}={value}"]) for name, value in inputs.env]
    return nodes + [Node([f"{param} = {value}"]) for param, value in inputs.params]


def _need(need: Need) -> Node:
    name = str(need.dep.path) if need.dep.kind is DepKind.PATH else need.dep.text
    node = Node([f"{name}{_details(need.state)}"])
    if need.is_changed:
        node.texts.append("something else stands there now")
    if need.names is not None:
        names = [str(name) for name in need.names]
        node.texts.append(names_text(names, most=_NAMES))
    if need.is_source and isinstance(need.state, FileState):
        node.texts.append(_commit_text(need.commit))
    return node


def _details(state: State | None) -> str:
    if state is None:
        return ""
    if isinstance(state, UrlState):
        size = f", {size_text(state.size_bytes)}" if state.size_bytes is not None else ""
        return f"  {state.version}{size}"
    files = f"{count_text(state.files, 'file')}, " if state.files is not None else ""
    program = ", executable" if state.is_executable else ""
    return f"  {files}{size_text(state.size_bytes)}, {state.oid.short}{program}"


def _commit_text(commit: Commit | None) -> str:
    if commit is None:
        return "in no commit"
    edited = " (edited since)" if commit.is_edited else ""
    return (
        f"commit {commit.sha[:10]}, {commit.date[:10]}, {commit.author}: {commit.subject}{edited}"
    )
