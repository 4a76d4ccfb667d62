"""The graph for people."""

from __future__ import annotations

from git_mlvc.pipeline.drawing import diagram
from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.model import Dep, Out, Stage
from git_mlvc.pipeline.plan import Action, Step
from git_mlvc.repo_path import RepoPath


def stage(address: str, deps: list[str], outs: list[str]) -> Stage:
    return Stage(
        address=address,
        name=address,
        commands=("true",),
        deps=tuple(Dep(text) for text in deps),
        outs=tuple(Out(RepoPath.parse(path)) for path in outs),
    )


GRAPH = Graph(
    [
        stage("prepare", ["raw.csv"], ["data"]),
        stage("train@a", ["data"], ["models/a"]),
        stage("train@b", ["data"], ["models/b"]),
        stage("report", ["models", "style.css"], []),
    ]
)
ALL = ["prepare", "train@a", "train@b", "report"]
STEPS = {
    "prepare": Step("prepare", Action.SKIP),
    "train@a": Step("train@a", Action.RUN, ('params.toml: name "x" → "y"',)),
    "report": Step("report", Action.DEPENDS, ("on models/a of train@a",)),
}


def test_stages_and_what_is_stale() -> None:
    found = diagram.of_stages(GRAPH, ALL, STEPS)
    assert [node.name for node in found.nodes] == ALL
    assert found.edges == (
        ("prepare", "train@a"),
        ("prepare", "train@b"),
        ("train@a", "report"),
        ("train@b", "report"),
    )
    assert {node.name: node.mark for node in found.nodes if node.is_stale} == {
        "train@a": 'run: params.toml: name "x" → "y"',
        "report": "depends: on models/a of train@a",
    }


def test_only_the_chosen_ones() -> None:
    found = diagram.of_stages(GRAPH, ["prepare", "train@a"], {})
    assert found.following == {"prepare": ["train@a"], "train@a": []}


def test_paths_in_place_of_stages() -> None:
    found = diagram.of_paths(GRAPH, ["prepare", "train@a"], STEPS)
    assert found.edges == (("raw.csv", "data"), ("data", "models/a"))
    assert {node.name for node in found.nodes if node.is_stale} == {"models/a"}


def test_variants_fold_into_one() -> None:
    found = diagram.folded(diagram.of_stages(GRAPH, ALL, STEPS))
    assert [node.name for node in found.nodes] == ["prepare", "train@… (2)", "report"]
    assert found.nodes[1].mark == "1 of 2 stale"
    assert found.edges == (("prepare", "train@… (2)"), ("train@… (2)", "report"))


def test_folding_a_circle_ends() -> None:
    graph = Graph([stage("a@1", [], ["x"]), stage("b", ["x"], ["y"]), stage("a@2", ["y"], ["z"])])
    found = diagram.folded(diagram.of_stages(graph, ["a@1", "b", "a@2"], {}))
    assert {node.name for node in found.nodes} == {"a@… (2)", "b"}


def test_languages_quote_what_is_special_to_them() -> None:
    found = diagram.of_stages(GRAPH, ALL, STEPS)
    assert (
        '"train@a" [label="train@a (stale)", style="rounded,dashed", tooltip="run: '
        in diagram.dot(found)
    )
    assert r"name \"x\" → \"y\"" in diagram.dot(found)
    assert diagram.dot(found).startswith("digraph pipeline {\n")
    assert '  n2["train@a (stale)"]:::stale\n' in diagram.mermaid(found)
    assert "  n1 --> n2\n" in diagram.mermaid(found)
