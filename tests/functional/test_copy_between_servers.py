"""Copying along a chain of real servers: what arrives at the end is what was pushed at the beginning."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from support.remotes import Place, content, ingest, restored, uses
from support.servers.nginx import Nginx
from support.servers.openssh import OpenSsh
from support.servers.s3_server import S3Server

from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.wrap.retry import Retry
from git_mlvc.transfer.copying import copy
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.verify import copies_on


def test_from_a_directory_to_s3_to_webdav_to_ssh(
    tmp_path: Path, moto_server: S3Server, nginx_server: Nginx, ssh_server: OpenSsh
) -> None:
    ann, bob, eve = (Place(tmp_path / name) for name in ("ann", "bob", "eve"))
    datas = [content(1, 9_000_000), *[content(n, 700 * n) for n in range(2, 40)]]
    pointers = [*ingest(ann.store, datas[0]), *ingest(ann.store, *datas[1:])]
    first = FileBackend(tmp_path / "first")
    push(ann.store, ann.view(first, "directory"), uses(*pointers))
    with ExitStack() as stack:
        views = [bob.view(first, "directory")]
        for name, server in (("s3", moto_server), ("dav", nginx_server), ("ssh", ssh_server)):
            backend = Retry(server.place().backend())
            stack.callback(backend.close)
            views.append(bob.view(backend, name))
        for one, other in pairwise(views):
            report = copy(one, other, uses(*pointers), scratch=tmp_path / "scratch")
            assert report.missing is None, (one.name, other.name)
            assert report.done.packs == 2
            assert copies_on(other, pointers, deep=True) == set(pointers)
        assert not fetch(eve.store, views[-1:], pointers).failed
    assert [restored(eve.store, pointer) for pointer in pointers] == datas
    assert bob.store.packs() == []
    assert not list((tmp_path / "scratch").glob("*"))
