"""Who we are to S3: keys from the usual places of AWS, looked for in the order of AWS's own programs.

Options of the remote, the environment, a web identity, the user's profiles, the container, the machine. Programs are
started only where a profile in the user's own files says so (law 12). No metadata address is asked while
anything else is configured, and then only after a short knock: where nobody answers there, one error says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from git_mlvc.backend.aws.profiles import Profile, read_profile
from git_mlvc.backend.base import Denied
from git_mlvc.backend.object_store.metadata_address import answers
from git_mlvc.errors import ConfigError

if TYPE_CHECKING:
    from obstore.store import S3Config

METADATA = "http://169.254.169.254"
TOKEN_OF_A_MINUTE = {"x-aws-ec2-metadata-token-ttl-seconds": "60"}
_TRUE = {"1", "true", "yes", "on"}


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs requests; `expires_at` has a time zone, None: they do not expire."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """One way in. Either `keys` gives keys when asked, or the library finds them by `config` itself.

    `check` raises Denied when this way leads nowhere; it is called before each request and cheap from the second on.
    """

    config: S3Config | None = field(default=None, repr=False)
    keys: Callable[[], Keys] | None = field(default=None, repr=False)
    check: Callable[[], None] = lambda: None


def sign_in(
    url: str,
    options: Mapping[str, str],
    environment: Mapping[str, str],
    profile: Profile,
) -> SignIn:
    """Return how to sign requests to the remote `url`. Starts and contacts nothing. Raises ConfigError."""
    if options.get("access-key-id") or options.get("secret-access-key"):
        return _static(_pair(options, "access-key-id", "secret-access-key", "session-token"))
    if not options.get("profile"):
        if environment.get("AWS_ACCESS_KEY_ID") or environment.get("AWS_SECRET_ACCESS_KEY"):
            pair = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
            return _static(_pair(environment, *pair))
        token_file, role = "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"
        if environment.get(token_file) and environment.get(role):
            session = environment.get("AWS_ROLE_SESSION_NAME", "")
            return _web_identity(environment[token_file], environment[role], session, environment)
    found = _of_profile(profile, environment)
    if found is not None:
        return found
    if options.get("profile") or environment.get("AWS_PROFILE"):
        raise ConfigError(
            f"the AWS profile '{profile.name}' has no keys",
            hint=f"aws configure --profile {profile.name}",
        )
    return _container(environment) or _machine(url, environment)


def _pair(values: Mapping[str, str], key: str, secret: str, token: str) -> Keys:
    if not values.get(key) or not values.get(secret):
        lacking = key if not values.get(key) else secret
        raise ConfigError(
            f"half a pair of AWS keys: {lacking} is not set",
            hint=f"set {key} and {secret}, or neither",
        )
    return Keys(values[key], values[secret], values.get(token) or None)


def _static(keys: Keys) -> SignIn:
    return SignIn(keys=lambda: keys)


def _of_profile(profile: Profile, environment: Mapping[str, str]) -> SignIn | None:
    if profile.get("role_arn") and profile.get("web_identity_token_file"):
        return _web_identity(
            profile.get("web_identity_token_file"),
            profile.get("role_arn"),
            profile.get("role_session_name"),
            environment,
        )
    needs_aws = ("role_arn", "sso_session", "sso_start_url", "login_session")
    if any(profile.get(name) for name in needs_aws):
        return _from_program(profile, None, environment)
    if profile.get("aws_access_key_id"):
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return _static(_pair(profile.values, *names))
    if profile.get("credential_process"):
        return _from_program(profile, profile.get("credential_process"), environment)
    return None


def _from_program(profile: Profile, command: str | None, environment: Mapping[str, str]) -> SignIn:
    lock = Lock()
    known: list[Keys] = []

    def keys() -> Keys:
        from git_mlvc.backend.aws.programs import keys_of_program  # late: few have one

        with lock:
            if not known or _is_stale(known[-1]):
                known[:] = [Keys(*keys_of_program(profile.name, command, environment))]
            return known[-1]

    def check() -> None:
        keys()

    return SignIn(keys=keys, check=check)


def _is_stale(keys: Keys) -> bool:
    if keys.expires_at is None:
        return False
    return (keys.expires_at - datetime.now(UTC)).total_seconds() < 300


def _web_identity(
    token_file: str, role: str, session: str, environment: Mapping[str, str]
) -> SignIn:
    config: S3Config = {
        "web_identity_token_file": token_file,
        "role_arn": role,
        "role_session_name": session or "git-mlvc",
    }
    endpoint = environment.get("AWS_ENDPOINT_URL_STS") or environment.get("AWS_STS_ENDPOINT")
    if endpoint:
        # Under this name the library knows it; its own description of the option has another.
        config["aws_endpoint_url_sts"] = endpoint  # type: ignore[typeddict-unknown-key]
    return SignIn(config)


def _container(environment: Mapping[str, str]) -> SignIn | None:
    config: S3Config = {}
    relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    full = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if relative:
        config["container_credentials_relative_uri"] = relative
    elif full:
        config["container_credentials_full_uri"] = full
        token_file = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if token_file:
            config["container_authorization_token_file"] = token_file
    return SignIn(config) if config else None


def _machine(url: str, environment: Mapping[str, str]) -> SignIn:
    """The role of the EC2 machine that we may be running on."""
    endpoint = (
        environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        or environment.get("AWS_METADATA_ENDPOINT")
        or METADATA
    ).rstrip("/")
    is_disabled = environment.get("AWS_EC2_METADATA_DISABLED", "").lower() in _TRUE
    known: list[bool] = []

    def check() -> None:
        if not known:
            known.append(
                not is_disabled
                and answers(f"{endpoint}/latest/api/token", TOKEN_OF_A_MINUTE, "PUT")
            )
        if not known[0]:
            raise Denied(
                f"there are no keys for {url}",
                why="none in the environment and none in ~/.aws, and this machine has no role",
                hint="aws configure; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
                "or for a public bucket: git mlvc remote set NAME anonymous=true",
            )

    return SignIn({"metadata_endpoint": endpoint}, check=check)


def resolve_profile(options: Mapping[str, str], environment: Mapping[str, str]) -> Profile:
    """Return the profile that counts. A default one that is not asked for is read all the same: for its region."""
    return read_profile(options.get("profile"), environment)
