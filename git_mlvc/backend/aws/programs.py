"""Keys that a program gives out: what a profile in the user's own files names, or the aws program itself.

Single sign-on, roles of other accounts, hardware keys: whatever the user has set up for AWS works here too.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime

from git_mlvc.backend.base import Denied
from git_mlvc.errors import ConfigError, RemoteUnavailable

PATIENCE_S = 120.0  # a person may have to touch a key


def keys_of_program(
    profile: str, command: str | None, environment: Mapping[str, str]
) -> tuple[str, str, str | None, datetime | None]:
    """Return key id, secret, token and when they expire, from `command` or else from the aws program.

    Raises ConfigError, Denied, RemoteUnavailable.
    """
    argv = _argv(profile, command, environment)
    what = f"cannot get keys for the AWS profile '{profile}'"
    hint = (
        f"see what it says: {shlex.join(argv)}" if command else f"aws sso login --profile {profile}"
    )
    try:
        done = subprocess.run(
            argv,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise RemoteUnavailable(what, why=f"{argv[0]} does not answer", hint=hint) from exc
    except OSError as exc:
        raise ConfigError(what, why=f"{argv[0]}: {exc.strerror}", hint=hint) from exc
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else f"{argv[0]} ended with exit code {done.returncode}"
        raise Denied(what, why=why, hint=hint)
    return _parse(done.stdout, what, argv[0])


def _argv(profile: str, command: str | None, environment: Mapping[str, str]) -> list[str]:
    if command:
        argv = shlex.split(command)
    else:
        argv = ["aws", "configure", "export-credentials", "--format", "process"]
        argv += ["--profile", profile]
    found = shutil.which(argv[0], path=environment.get("PATH", ""))
    if found is None and not command:
        raise ConfigError(
            f"the AWS profile '{profile}' needs the aws program",
            why="it signs on, or takes on a role, and that is the aws program's work",
            hint="install the AWS command line (version 2.9 or later)",
        )
    return [found or argv[0], *argv[1:]]


def _parse(output: bytes, what: str, program: str) -> tuple[str, str, str | None, datetime | None]:
    try:
        said = json.loads(output)
        expires = said.get("Expiration")
        expires_at = datetime.fromisoformat(expires) if expires else None
        if expires_at is not None and expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=UTC)
        return (
            str(said["AccessKeyId"]),
            str(said["SecretAccessKey"]),
            str(said["SessionToken"]) if said.get("SessionToken") else None,
            expires_at,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            what,
            why=f"{program} did not answer with keys in JSON",
            hint="its form: docs.aws.amazon.com, 'Sourcing credentials with an external process'",
        ) from None  # what it did answer may be secret
