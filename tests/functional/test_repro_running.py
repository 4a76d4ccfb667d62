"""What `mlvc.toml` says of how a stage runs: resources, retries, timeout, env, wdir."""

import os

TOGETHER = """\
[stage.a]
cmd = "(echo x > to-b &); cat to-a; echo $MLVC_SLOT_GPU > out-a"
outs = ["out-a"]
resources = {gpu = 1}

[stage.b]
cmd = "(echo x > to-a &); cat to-b; echo $MLVC_SLOT_GPU > out-b"
outs = ["out-b"]
resources = {gpu = 1}
"""


def test_stages_that_run_at_once_have_slots_of_their_own(machine):
    """Each waits for the other, so they end only if they run at once."""
    repo = machine.init().write({"mlvc.toml": TOGETHER.encode()})
    for name in "ab":
        os.mkfifo(repo.at(f"to-{name}"))
    repo.git("config", "mlvc.resources.gpu", "2")
    assert repo.mlvc("repro", "-j", "2", "--json").ok
    assert sorted(repo.read(f"out-{name}") for name in "ab") == [b"0\n", b"1\n"]

    repo.git("config", "mlvc.resources.gpu", "0")
    refused = repo.mlvc("repro", "-f", check=False)
    assert refused.returncode == 2
    assert "asks for 1 slots of the resource 'gpu': this machine has 0" in refused.err


STUBBORN = """\
[stage.third-time]
cmd = ["echo x >> ../tries", "test $(wc -l < ../tries) = 3", "echo $SEED > out"]
outs = ["sub/out"]
wdir = "sub"
env = {SEED = "7"}
retries = 2

[stage.endless]
cmd = "echo begun; sleep 1000"
deps = ["sub/out"]
outs = ["never"]
timeout = 0.2
retries = 1

[stage.after]
cmd = "touch late"
deps = ["never"]
outs = ["late"]
"""


def test_a_stage_is_tried_again_and_stopped_when_it_takes_too_long(machine):
    repo = machine.init().write({"mlvc.toml": STUBBORN.encode(), "sub/keep": b""})
    said = repo.mlvc("repro", check=False)
    assert said.returncode == 9
    assert repo.read("sub/out") == b"7\n"
    assert "third-time: running (attempt 3)" in said.err
    told = said.err[said.err.index("error: ") :].splitlines()
    assert told[0] == "error: stage 'endless' failed (2 attempts)"
    assert told[1] == "  why: it ran longer than its `timeout` of 0.2 s and was stopped"
    assert told[3].strip() == "begun"
    assert "after" in said.err[said.err.index("not run because of it") :]
    assert told[-1] == "hint: raise `timeout` in mlvc.toml, line 8"
    assert "attempt 3" in repo.mlvc("logs", "third-time").out
    assert "stopped: it ran too long" in repo.mlvc("logs", "endless").out
