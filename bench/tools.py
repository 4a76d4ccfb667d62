"""One adapter per tool.  Every method answers a shell script to run in the repository.

An adapter that has no such operation answers None, and the step is left out for it.
"""

import os
import shutil
import sys
from pathlib import Path
from shlex import quote
from typing import ClassVar

PATTERNS = "*.bin", "*.csv", "*.safetensors"


class Tool:
    name = note = version = None
    needs = ()  # programs that must be there
    store = (".git",)  # what the tool keeps in the repository besides the working tree
    linked = False  # the working file is a link to the store, not a copy
    peer = True  # a version-control peer; False for a reference, and for ourselves
    only = None  # the workloads it takes part in, where it is not all of them
    scale: ClassVar = {}  # workload -> part of the size, where the full size takes too long

    def __init__(self, programs):
        self.programs = programs

    def ready(self):
        return all(name in self.programs for name in self.needs)

    def init(self, remote):
        raise NotImplementedError

    def nothing(self, *args):
        """An operation that the tool does not have."""

    add = commit = restore = mark = switch = status = push = clone = clean_one = nothing


class Git(Tool):
    """Plain Git: the base of every other Git tool, and the slow baseline for big files."""

    name, needs, version = "git", ("git",), "git version"
    scale: ClassVar = {"W1": 0.25, "W3": 0.25, "W4": 0.25, "W5": 0.25}

    def init(self, remote):
        url = f"{remote}/git"
        return (
            f"git init -q -b main . && git init -q --bare -b main {url} && "
            f"git remote add origin file://{url} && {self.setup(remote)} && "
            f"git add -A && git commit -q --allow-empty -m start"
        )

    def setup(self, remote):
        return "true"

    def add(self, path):
        return f"git add -A {path}"

    def commit(self, path, message):
        return f"git commit -qm {quote(message)}"

    def status(self):
        return "git status --porcelain"

    def restore(self, path):
        return f"git checkout -q -- {path}"

    def mark(self, name):
        return f"git branch {name}"

    def switch(self, name):
        return f"git checkout -q {name}"

    def push(self):
        return "git push -q origin main"

    def clone(self, remote, dest):
        return f"git clone -q file://{remote}/git {dest}"

    def clean_one(self, path):
        """Clean one file through git, and nothing else."""
        return f"git hash-object --path {path} {path}"


class GitLfs(Git):
    name, needs, version = "git-lfs", ("git", "git-lfs"), "git lfs version"
    scale: ClassVar = {}

    def setup(self, remote):
        # The filter itself comes from the benchmark's own global Git configuration.
        tracks = " && ".join(f"git lfs track {quote(p)} >/dev/null" for p in PATTERNS)
        return f"git lfs install --local >/dev/null && {tracks}"


class GitMlvc(Git):
    """Plain git commands; the data stands beside the git remote, with nothing to set up."""

    name, needs, version, peer = "git-mlvc", ("git", "git-mlvc"), "git mlvc version", False
    scale: ClassVar = {}

    def setup(self, remote):
        tracks = " && ".join(f"git mlvc track {quote(p)} >/dev/null" for p in PATTERNS)
        return f"git mlvc install --local >/dev/null && {tracks}"

    def clone(self, remote, dest):
        # No global install in the benchmark's home: the clone gets stubs, `init` does the rest.
        return f"git clone -q file://{remote}/git {dest} && cd {dest} && git mlvc init >/dev/null"


class MlvcAdd(GitMlvc):
    """The same with `git mlvc add` in the place of `git add`: it reads the files itself."""

    name, version, only = "mlvc-add", None, ("W1", "W2")

    def add(self, path):
        return f"git mlvc add -A {path}"


class Drain(Git):
    """The limit of every filter: it reads what git gives, and hands out a stub for each file."""

    name, needs, version, peer = "drain", ("git", "python"), None, False
    only = ("W2",)
    note = "a filter that only drains the pipe: what git and the pipe cost"
    scale: ClassVar = {}

    def setup(self, remote):
        script = Path(__file__).with_name("passthrough_filter.py")
        process = f"{quote(sys.executable)} -I -S {quote(str(script))} --unique --pipe 1048576"
        return (
            f"git config filter.pass.required true && git config filter.pass.process {quote(process)}"
            " && echo '*.bin filter=pass' > .gitattributes"
        )

    restore = mark = switch = status = push = clone = clean_one = Tool.nothing


class Dvc(Git):
    name, needs, version = "dvc", ("git", "dvc"), "dvc --version"
    store, link, scale = (".git", ".dvc"), None, {}

    def setup(self, remote):
        link = f"dvc config cache.type {self.link} && " if self.link else ""
        return (
            f"dvc init -q && dvc config core.analytics false && {link}"
            f"dvc config core.check_update false && dvc remote add -q -d store {remote}/data"
        )

    def add(self, path):
        return f"dvc add -q {path}"

    def commit(self, path, message):
        return f"git add {path}.dvc .gitignore && git commit -qm {quote(message)}"

    clean_one = Tool.nothing

    def status(self):
        return "dvc status -q || true"

    def restore(self, path):
        return f"dvc checkout -q {path}"

    def switch(self, name):
        return f"git checkout -q {name} && dvc checkout -q"

    def push(self):
        return "dvc push -q && git push -q origin main"

    def clone(self, remote, dest):
        return f"git clone -q file://{remote}/git {dest} && cd {dest} && dvc pull -q"


class DvcHardlink(Dvc):
    name, link, linked, version = "dvc-hardlink", "hardlink", True, None
    scale: ClassVar = {"W2": 0.1, "W3": 0.25, "W4": 0.25, "W5": 0.25}


class DvcSymlink(DvcHardlink):
    name, link = "dvc-symlink", "symlink"


class Annex(Git):
    """git-annex with unlocked files: like the others, the working tree holds plain copies."""

    name, needs, version = "annex-unlocked", ("git", "git-annex"), "git annex version"
    scale, unlocked = {"W2": 0.05}, "true"

    def setup(self, remote):
        return (
            f"git annex init -q bench && git config annex.addunlocked {self.unlocked} && "
            f"mkdir -p {remote}/data && git annex initremote -q store type=directory "
            f"directory={remote}/data encryption=none && git config remote.origin.annex-ignore true"
        )

    def add(self, path):
        return f"git annex add -q {path}"

    clean_one = Tool.nothing

    def push(self):
        return "git annex copy -q --to store . && git push -q origin main git-annex"

    def clone(self, remote, dest):
        return (
            f"git clone -q file://{remote}/git {dest} && cd {dest} && "
            f"git config remote.origin.annex-ignore true && git annex init -q && "
            f"git annex enableremote -q store directory={remote}/data && git annex get -q ."
        )


class AnnexLocked(Annex):
    name, unlocked, linked, version = "annex-locked", "false", True, None


class Oxen(Tool):
    """Oxen through its Python wheel; sharing needs a server, so there is no push or clone."""

    name, needs, store, scale = "oxen", ("oxen",), (".oxen",), {"W2": 0.1}
    note = "run as `python -c`; includes the interpreter and `import oxen`"

    @property
    def version(self):
        return self.script("pass")

    def script(self, code):
        return f"oxen -c {quote(f'import oxen, os; {code}')}"

    def repo(self, code):
        return self.script(f"r = oxen.Repo(os.getcwd()); {code}")

    def init(self, remote):
        return self.script(
            "oxen.user.config_user('bench', 'bench@example.org'); oxen.init(os.getcwd())"
        ) + ("&& echo start > readme.txt && " + self.repo("r.add('readme.txt'); r.commit('start')"))

    def add(self, path):
        return self.repo(f"r.add({path!r})")

    def commit(self, path, message):
        return self.repo(f"r.commit({message!r})")

    def status(self):
        return self.repo("print(r.status())")

    def restore(self, path):
        return self.repo(f"r.restore({path!r})")

    def mark(self, name):
        return self.repo(f"r.checkout({name!r}, create=True); r.checkout('main')")

    def switch(self, name):
        return self.repo(f"r.checkout({name!r})")


class Restic(Tool):
    """Not version control: a content-defined-chunking store for comparison (encrypts, zstd)."""

    name, needs, version, peer = "restic", ("restic",), "restic version", False
    store = (".store",)
    note = "backup tool: reference for chunking and deduplication"

    def init(self, remote):
        return "restic init -q -r .store"

    def add(self, path):
        return f"restic backup -q -r .store {path}"

    def restore(self, path):
        return "restic restore -q -r .store latest --target ."


class Borg(Restic):
    """As restic; without encryption, lz4."""

    name, needs, version = "borg", ("borg",), "borg --version"

    def init(self, remote):
        return "borg init -e none .store"

    def add(self, path):
        return f'borg create ".store::$(date +%s%N)" {path}'

    def restore(self, path):
        return 'borg extract ".store::$(borg list --last 1 --short .store)"'


TOOLS = (
    GitMlvc,
    MlvcAdd,
    Drain,
    GitLfs,
    Dvc,
    DvcHardlink,
    DvcSymlink,
    Annex,
    AnnexLocked,
    Git,
    Oxen,
    Restic,
    Borg,
)


def find_programs(venvs):
    """Paths of the programs, from PATH and from the virtual environments VENVS/NAME."""
    found = {}
    for name in "git", "git-lfs", "git-annex", "git-mlvc", "dvc", "restic", "borg", "datalad":
        inside = Path(venvs or os.devnull) / name.removeprefix("git-") / "bin" / name
        if path := (str(inside) if inside.exists() else shutil.which(name)):
            found[name] = path
    for name in "oxen", "hfxet":
        if venvs and (python := Path(venvs, name, "bin", "python")).exists():
            found[name] = str(python)
    found["python"] = sys.executable
    return found
