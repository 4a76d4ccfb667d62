"""Every verb and where it lives; a verb's module is imported only when the verb is run."""

from __future__ import annotations

from dataclasses import dataclass

_COMMANDS = "git_mlvc.cli.commands"


@dataclass(frozen=True, slots=True)
class Verb:
    """`module:attribute` is a click command; `summary` is what `git mlvc -h` shows."""

    name: str
    target: str
    summary: str
    section: str


def _verb(name: str, summary: str, section: str) -> Verb:
    attribute = name.replace("-", "_")
    module = "called_by_git" if section == GIT else attribute
    return Verb(name, f"{_COMMANDS}.{module}:{attribute}", summary, section)


SET_UP = "Set up"
LOOK = "Track and look"
PIPELINE = "Run pipelines"
TRY = "Try and compare"
MOVE = "Move data"
CARE = "Take care"
GIT = "Called by git"
SSH = "Called over ssh"
SECTIONS = (SET_UP, LOOK, PIPELINE, TRY, MOVE, CARE, GIT, SSH)

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        _verb("install", "Let git know the filter, for all repositories or for this one.", SET_UP),
        _verb("uninstall", "Undo `install`.", SET_UP),
        _verb("init", "Set up this repository or fresh clone and fill its stubs.", SET_UP),
        _verb("demo", "Show the whole main job on real content in a temporary place.", SET_UP),
        _verb("track", "Keep files that match a pattern as data, or list the patterns.", LOOK),
        _verb("untrack", "Stop keeping files that match a pattern as data.", LOOK),
        _verb("add", "Do what `git add` does, faster where there are many data files.", LOOK),
        _verb("status", "Show each data file: present, stub, modified or missing.", LOOK),
        _verb("ls", "List the data files of a commit.", LOOK),
        _verb("whereis", "Say which remotes hold the data of a file, checked.", LOOK),
        _verb("stage", "Write down stages: what to run, what it needs, what it makes.", PIPELINE),
        _verb("repro", "Run what is stale, restore what was made before.", PIPELINE),
        _verb("why", "Say which stages made a file, from what, back to the sources.", PIPELINE),
        _verb("dag", "Draw the graph of the stages, with what is stale.", PIPELINE),
        _verb("freeze", "Have `repro` leave stages alone.", PIPELINE),
        _verb("unfreeze", "Undo `freeze`.", PIPELINE),
        _verb("logs", "Show what a stage wrote while it ran.", PIPELINE),
        _verb("runs", "List what stages made, and from what.", PIPELINE),
        _verb("plots", "Draw tables and images of stages, of any revisions, as page or text.", TRY),
        _verb("exp", "Try changes, each recorded as a commit of its own.", TRY),
        _verb("metrics", "Show and compare metrics across revisions.", TRY),
        _verb("params", "Show and compare parameters across revisions.", TRY),
        _verb("pull", "Fetch data and put it in the place of stubs.", MOVE),
        _verb("fetch", "Fetch data into the local store.", MOVE),
        _verb("push", "Send the data of commits to a remote.", MOVE),
        _verb("copy", "Copy data from one remote to another, without keeping it here.", MOVE),
        _verb("fill", "Put content in the place of stubs.", MOVE),
        _verb("drop", "Put stubs in the place of content that a remote holds.", MOVE),
        _verb("remote", "Say where data is kept.", MOVE),
        _verb("prune", "Remove local packs that a remote holds too.", CARE),
        _verb("fsck", "Check every pack, recipe and pointer; name what damage hurts.", CARE),
        _verb("doctor", "Prove that git can run the filter and each hook.", CARE),
        _verb("env", "Show versions, paths and settings.", CARE),
        _verb("version", "Show the version.", CARE),
        _verb("filter-process", "Serve git's long-running filter protocol.", GIT),
        _verb("clean", "Turn content on standard input into a pointer.", GIT),
        _verb("smudge", "Turn a pointer on standard input into content.", GIT),
        _verb("hook", "Run a hook.", GIT),
        _verb("merge-driver", "Merge two versions of one file, pointers by their ids.", GIT),
        _verb("serve-store", "Answer for the data in a directory, to a git-mlvc elsewhere.", SSH),
    )
}
