"""Commands on S3: what people meet when keys, buckets or the network are not as they should be."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from pathlib import Path

import pytest
from support.content import noise
from support.fault_proxy import Answer, FaultProxy, Stall
from support.faulty_place import through
from support.repo import launcher
from support.servers.s3_server import S3Server
from support.two_people import Project, start


@pytest.fixture
def project(swift_server: S3Server, tmp_path: Path) -> Project:
    project = start(swift_server.place(), tmp_path)
    project.ann.write({"model.bin": noise(3_000_000, 1)}).add().commit("one")
    return project


def test_a_push_with_a_wrong_secret_says_so_and_is_refused(project: Project) -> None:
    project.ann.machine.extra_env["AWS_SECRET_ACCESS_KEY"] = "hunter2"
    said = project.ann.fails("push", "origin", "main")
    assert "SignatureDoesNotMatch" in said.err
    assert "AWS_ACCESS_KEY_ID" in said.err
    assert "hunter2" not in said.err
    assert not (Path(project.git_url) / "refs/heads/main").exists()


def test_a_push_without_keys_says_where_they_are_looked_for(project: Project) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del project.ann.machine.extra_env[name]
    said = project.ann.fails("push", "origin", "main")
    assert "there are no keys for s3://" in said.err
    assert "aws configure" in said.err


def test_a_bucket_with_a_typo_is_named(project: Project) -> None:
    ann = project.ann
    ann.mlvc("remote", "set-url", "lab", "s3://no-such-bucket/x")
    said = ann.fails("push", "origin", "main")
    assert "there is no bucket 'no-such-bucket'" in said.err


def test_a_push_to_a_read_only_bucket_is_refused(project: Project, swift_server: S3Server) -> None:
    """403 on what writes, and on nothing else."""
    place = project.place
    with FaultProxy(swift_server.process.port) as proxy:
        moved = through(place, proxy)
        project.ann.mlvc("remote", "set", "lab", f"endpoint={moved.options['endpoint']}")
        denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        proxy.rules.add(Answer(403, {}, denied), method="PUT", times=-1)
        said = project.ann.fails("push", "origin", "main")
        assert "s3:PutObject" in said.err
        assert len(proxy.asked("PUT")) <= 3


def test_ctrl_c_ends_a_push_whose_server_is_silent(
    project: Project, swift_server: S3Server
) -> None:
    with FaultProxy(swift_server.process.port) as proxy:
        moved = through(project.place, proxy)
        project.ann.mlvc("remote", "set", "lab", f"endpoint={moved.options['endpoint']}")
        proxy.rules.add(Stall(), times=-1)
        process = subprocess.Popen(
            [launcher(), "push", "lab", "--all"],
            cwd=project.ann.path,
            env=project.ann.machine.env(),
            stderr=subprocess.PIPE,
        )
        while not proxy.requests:
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"it ended by itself: {process.wait(0.02)}")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)  # the idle time-out is a minute
        assert process.returncode in (130, -signal.SIGINT)
        assert b"Traceback" not in said
