"""Remotes on web servers, through git and the command line: published folders, logins, certificates."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from pathlib import Path

from support.content import noise
from support.dav_contract import folder_of
from support.fault_proxy import FaultProxy
from support.faulty_place import through
from support.repo import Machine, Repo, Result
from support.servers.nginx import PASSWORD, USER, Nginx
from support.servers.place import RemotePlace
from support.two_people import REMOTE, machine_for, start

PUBLIC = "pub"
MODEL = noise(3_000_000, 5)


def published(nginx: Nginx, place: RemotePlace, tmp_path: Path) -> str:
    """Let Ann push to a directory of hers, which the server shows at `place`; return her git remote."""
    host = Machine(tmp_path / "host").bare("project.git").path
    ann = Machine(tmp_path / "ann").install().init("project").track("*.bin")
    ann.set("mlvc.remote.own.url", str(folder_of(place.url, nginx.data)))
    ann.set("mlvc.default", "own")
    ann.write({"mlvc.toml": f'[remote.{PUBLIC}]\nurl = "{place.url}"\n'.encode()})
    ann.git("remote", "add", "origin", str(host))
    ann.write({"model.bin": MODEL, "data/small.bin": b"small"}).add().commit("first")
    ann.git("push", "-q", "-u", "origin", "main")
    return str(host)


def clone(git_url: str, place: RemotePlace, root: Path) -> tuple[Repo, Result]:
    """Clone and trust what is public, at `place` as this person sees it; return what `init` said."""
    repo = machine_for(place, root).clone(git_url, "project")
    repo.git("config", f"mlvc.remote.{PUBLIC}.url", place.url)
    return repo, repo.mlvc("init", check=False)


def contents(repo: Repo) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in repo.files() if name.endswith(".bin")}


def test_a_directory_behind_any_web_server_is_a_remote_to_read(
    nginx_server: Nginx, tmp_path: Path
) -> None:
    place = nginx_server.place("files")
    git_url = published(nginx_server, place, tmp_path)
    with FaultProxy(nginx_server.process.port) as proxy:
        seen = through(place, proxy)
        ben, _ = clone(git_url, seen, tmp_path / "ben")
        assert contents(ben) == {"model.bin": MODEL, "data/small.bin": b"small"}
        assert ben.is_clean()
        # Never a listing, nor a question whether there could be one.
        assert {one.method for one in proxy.requests} <= {"GET", "HEAD"}

        ben.write({"data/new.bin": b"Ben's"}).add().commit("second")
        refused = ben.mlvc("push", PUBLIC, check=False)
        assert refused.refused_because("cannot push on " + seen.url)
        assert refused.refused_because("this kind of remote has no write")
        assert not any(one.method in ("PUT", "MKCOL", "MOVE") for one in proxy.requests)


def test_what_is_nowhere_is_unknown_on_a_server_that_cannot_list(
    nginx_server: Nginx, tmp_path: Path
) -> None:
    place = nginx_server.place("files")
    git_url = published(nginx_server, place, tmp_path)
    for pack in folder_of(place.url, nginx_server.data).glob("packs/*/*"):
        pack.unlink()
    ben, refused = clone(git_url, place, tmp_path / "ben")
    assert not refused.ok
    assert ben.read("model.bin").startswith(b"git-mlvc pointer")


def test_logins_come_from_gits_helpers_and_are_not_shown(
    nginx_server: Nginx, tmp_path: Path
) -> None:
    place = nginx_server.place("guarded")
    kept = tmp_path / "kept"
    kept.write_text(f"http://{USER}:{PASSWORD}@127.0.0.1%3a{nginx_server.process.port}\n")
    knowing = replace(place, git_config={"credential.helper": f"store --file={kept}"})
    project = start(knowing, tmp_path)
    project.ann.write({"model.bin": MODEL}).add().commit("first")
    said = [project.ann.git("push", "-u", "origin", "main")]
    ben = project.clone_for(machine_for(knowing, tmp_path / "ben"))
    assert contents(ben) == {"model.bin": MODEL}

    header = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    told = replace(
        place, git_config={f"http.{place.url}.extraHeader": f"Authorization: Basic {header}"}
    )
    kim = project.clone_for(machine_for(told, tmp_path / "kim"))
    assert contents(kim) == {"model.bin": MODEL}

    eve = machine_for(place, tmp_path / "eve").clone(project.git_url, "project")
    eve.mlvc("remote", "trust", REMOTE)
    said.append(eve.mlvc("init", check=False, env={"GIT_TERMINAL_PROMPT": None}))
    assert said[-1].refused_because("wants a login")
    assert said[-1].refused_because("git credential approve")

    kept.write_text(f"http://{USER}:Wr0ng@127.0.0.1%3a{nginx_server.process.port}\n")
    said.append(ben.mlvc("push", REMOTE, "--all", check=False))
    assert said[-1].refused_because("wants a login")
    assert kept.read_text() == ""  # git was told that it was wrong
    for one in said:
        assert PASSWORD not in str(one)
        assert "Wr0ng" not in str(one)


def test_a_certificate_of_ones_own(nginx_server: Nginx, tmp_path: Path) -> None:
    plain = nginx_server.place("files")
    git_url = published(nginx_server, plain, tmp_path)
    place = replace(plain, url=plain.url.replace(nginx_server.url, nginx_server.tls_url))
    authority = str(nginx_server.authority)
    server = nginx_server.tls_url

    _, refused = clone(git_url, place, tmp_path / "eve")
    assert refused.refused_because(f"the certificate of {server} is not trusted")
    assert refused.refused_because(f"git config http.{server}/.sslCAInfo FILE")

    for number, (config, environment) in enumerate(
        [
            ({f"http.{server}/.sslCAInfo": authority}, {}),
            ({}, {"SSL_CERT_FILE": authority}),
        ]
    ):
        trusting = replace(place, git_config=config, environment=environment)
        ben, _ = clone(git_url, trusting, tmp_path / f"ben-{number}")
        assert contents(ben) == {"model.bin": MODEL, "data/small.bin": b"small"}
