"""The graph for people: stages, or what goes into them and comes out, and which of it is stale. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.plan import Step


@dataclass(frozen=True, slots=True)
class Node:
    """A stage or a path. `stages` whose result it stands for; `steps` of those that are not up to date."""

    name: str
    stages: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def is_stale(self) -> bool:
        return bool(self.steps)

    @property
    def mark(self) -> str:
        """Return what is said beside it: "run: params.toml: train.lr 0.1 → 0.01", "3 of 4 stale", or nothing."""
        if len(self.stages) > 1 and self.steps:
            return f"{len(self.steps)} of {len(self.stages)} stale"
        return "; ".join(f"{step.action.value}: {step.reason}" for step in self.steps)


@dataclass(frozen=True, slots=True)
class Diagram:
    """Nodes, each before those that its edges lead to; edges as (from, to), by name."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    @property
    def following(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {node.name: [] for node in self.nodes}
        for start, end in self.edges:
            found[start].append(end)
        return found


def of_stages(graph: Graph, chosen: Iterable[str], steps: Mapping[str, Step]) -> Diagram:
    """Return the stages of `chosen`; those whose step is work are stale."""
    order = graph.in_order(chosen)
    shown = set(order)
    nodes = [Node(address, (address,), _stale(steps, address)) for address in order]
    edges = [
        (maker, address) for address in order for maker in graph.makers(address) if maker in shown
    ]
    return Diagram(tuple(nodes), tuple(sorted(edges, key=_places(order))))


def of_paths(graph: Graph, chosen: Iterable[str], steps: Mapping[str, Step]) -> Diagram:
    """Return what goes into the stages of `chosen` and what comes out, in place of the stages."""
    nodes: dict[str, Node] = {}
    edges: dict[tuple[str, str], None] = {}
    order = graph.in_order(chosen)
    shown = set(order)
    for address in order:
        stage = graph[address]
        given = [
            str(out.path) for m, outs in graph.makers(address).items() if m in shown for out in outs
        ]
        for dep in stage.deps:
            if not any(maker in shown for maker, _ in graph.makers_of(stage, dep)):
                given.append(dep.text)
        for name in given:
            nodes.setdefault(name, Node(name))
        for out in stage.outs:
            name = str(out.path)
            nodes[name] = Node(name, (address,), _stale(steps, address))
            edges.update(dict.fromkeys((start, name) for start in given))
    names = list(nodes)
    return Diagram(tuple(nodes.values()), tuple(sorted(edges, key=_places(names))))


def folded(diagram: Diagram) -> Diagram:
    """Return the diagram with all variants of a stage (`train@…`) as one node."""
    groups: dict[str, list[Node]] = {}
    for node in diagram.nodes:
        groups.setdefault(_group(node.name), []).append(node)
    nodes = [_joined(name, members) for name, members in groups.items()]
    names = {
        node.name: group.name
        for group, members in zip(nodes, groups.values(), strict=True)
        for node in members
    }
    edges = dict.fromkeys((names[start], names[end]) for start, end in diagram.edges)
    kept = [edge for edge in edges if edge[0] != edge[1]]
    by_name = {node.name: node for node in nodes}
    order = list(_sorted([node.name for node in nodes], kept))
    return Diagram(tuple(by_name[name] for name in order), tuple(sorted(kept, key=_places(order))))


def dot(diagram: Diagram) -> str:
    """Return it in the language of Graphviz."""
    lines = ["digraph pipeline {", "  rankdir=TB;", '  node [shape=box, style="rounded"];']
    for node in diagram.nodes:
        look = f', style="rounded,dashed", tooltip={_quoted(node.mark)}' if node.is_stale else ""
        label = f"{node.name} (stale)" if node.is_stale else node.name
        lines.append(f"  {_quoted(node.name)} [label={_quoted(label)}{look}];")
    lines += [f"  {_quoted(start)} -> {_quoted(end)};" for start, end in diagram.edges]
    return "\n".join([*lines, "}"])


def mermaid(diagram: Diagram) -> str:
    """Return it as a Mermaid flowchart, as forges draw in Markdown."""
    places = {node.name: f"n{number}" for number, node in enumerate(diagram.nodes, 1)}
    lines = ["flowchart TD"]
    for node in diagram.nodes:
        label = f"{node.name} (stale)" if node.is_stale else node.name
        lines.append(f'  {places[node.name]}["{_entities(label)}"]{":::stale" * node.is_stale}')
    lines += [f"  {places[start]} --> {places[end]}" for start, end in diagram.edges]
    if any(node.is_stale for node in diagram.nodes):
        lines.append("  classDef stale stroke-dasharray: 5 5")
    return "\n".join(lines)


def _stale(steps: Mapping[str, Step], address: str) -> tuple[Step, ...]:
    step = steps.get(address)
    return (step,) if step is not None and step.is_work else ()


def _places(order: Sequence[str]) -> Callable[[tuple[str, str]], tuple[int, int]]:
    at = {name: number for number, name in enumerate(order)}

    def place(edge: tuple[str, str]) -> tuple[int, int]:
        return at[edge[0]], at[edge[1]]

    return place


def _group(name: str) -> str:
    head, at, _ = name.partition("@")
    return f"{head}@" if at else name


def _joined(name: str, members: Sequence[Node]) -> Node:
    if len(members) == 1:
        return members[0]
    return Node(
        f"{name}… ({len(members)})",
        tuple(stage for member in members for stage in member.stages),
        tuple(step for member in members for step in member.steps),
    )


def _sorted(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the names, each before those that its edges lead to; what is in a circle (folding can make
    one: a@1 before b, b before a@2) comes last, as it was."""
    waiting = dict.fromkeys(names, 0)
    for _, end in edges:
        waiting[end] += 1
    left = list(names)
    while left:
        name = next((one for one in left if not waiting[one]), left[0])
        left.remove(name)
        yield name
        for start, end in edges:
            if start == name and end in left:
                waiting[end] -= 1


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _entities(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;")
