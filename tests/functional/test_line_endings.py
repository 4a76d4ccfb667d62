"""core.autocrlf and eol attributes: neither content nor pointers are touched by them."""

from __future__ import annotations

from support.content import is_pointer, noise, pointer_to, table
from support.repo import Machine, Repo
from support.twin import Twin

TEXT = table(400, 3)
CRLF = TEXT.replace(b"\n", b"\r\n")


def test_autocrlf_leaves_tracked_data_alone(twin: Twin) -> None:
    for repo in twin.pair:
        repo.set("core.autocrlf", "true").set("core.safecrlf", "false")
    twin.commit("one", {"lf.bin": TEXT, "crlf.bin": CRLF, "code.py": b"a\r\nb\r\n"})
    twin.compare("commit")
    twin.git("rm", "-rqf", "lf.bin", "crlf.bin", "code.py")
    twin.git("reset", "-q", "--hard")
    assert twin.read("lf.bin") == TEXT
    assert twin.read("crlf.bin") == CRLF


def test_an_eol_attribute_without_minus_text_still_round_trips(machine: Machine) -> None:
    """A hand-written line may lack -text: git then adds CR to what the filter smudges from."""
    repo = machine.init()
    machine.config("mlvc.inlineLimit", "0")
    repo.write({".gitattributes": b"*.bin filter=mlvc text eol=crlf\n"})
    data = noise(3000)
    repo.write({"x.bin": data}).add().commit("one")
    assert repo.blob("HEAD:x.bin") == pointer_to(data)
    repo.remove("x.bin")
    repo.git("checkout", "--", "x.bin")
    assert repo.read("x.bin") == data
    assert repo.is_clean()


def test_attributes_with_carriage_returns_are_read(repo: Repo) -> None:
    attributes = repo.read(".gitattributes").replace(b"\n", b"\r\n")
    repo.write({".gitattributes": attributes, "x.bin": noise(3000)}).add().commit("one")
    assert not is_pointer(repo.blob("HEAD:.gitattributes"))
