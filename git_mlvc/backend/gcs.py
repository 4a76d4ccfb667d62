"""`gs://BUCKET/PREFIX`: Google Cloud Storage, through its XML interface."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.backend.base import Denied
from git_mlvc.backend.object_store.backend import ObjectStoreBackend
from git_mlvc.backend.object_store.bucket_address import checked_endpoint, split_address
from git_mlvc.backend.object_store.client import client_options, retries
from git_mlvc.backend.object_store.meaning import Meaning
from git_mlvc.backend.object_store.metadata_address import answers
from git_mlvc.backend.object_store.service import Patience, Service
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError
from git_mlvc.settings import parse_bool

if TYPE_CHECKING:
    from obstore.store import GCSConfig, GCSCredential, GCSStore

GOOGLE = "https://storage.googleapis.com"
METADATA = "http://169.254.169.254/computeMetadata/v1/"
RIGHTS = {
    "write": "storage.objects.create",
    "read": "storage.objects.get",
    "look for": "storage.objects.get",
    "list": "storage.objects.list",
    "delete": "storage.objects.delete",
}
LOG_IN = "gcloud auth application-default login"
SIGN_IN = f"Logins come from GOOGLE_APPLICATION_CREDENTIALS, or {LOG_IN}"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One way in; `check` raises when it leads nowhere."""

    config: GCSConfig = field(repr=False)
    token: str = field(default="", repr=False)
    check: Callable[[], None] = lambda: None


def open_url(url: str, opening: Opening) -> ObjectStoreBackend:
    """Return the driver. Raises ConfigError for an address or option that is malformed.

    A login that is missing is an error of the first request.
    """
    bucket, prefix = split_address(url, "gs://BUCKET/PREFIX")
    options = opening.options
    endpoint = checked_endpoint(options.get("endpoint") or GOOGLE, "the option endpoint")
    is_anonymous = parse_bool(options.get("anonymous", "false"), key="the option anonymous")
    way = _anonymous() if is_anonymous else _way_in(url, opening)
    config: GCSConfig = {"base_url": endpoint, "skip_signature": is_anonymous, **way.config}

    def connect(patience: Patience) -> GCSStore:
        return _store(bucket, config, way, opening, patience)

    service = Service(
        url=url.rstrip("/"),
        prefix=prefix,
        connect=connect,
        meaning=Meaning(url.rstrip("/"), endpoint, "bucket", bucket, RIGHTS, SIGN_IN),
        creates_atomically=True,
        sign_in=way.check,
    )
    return ObjectStoreBackend(service, opening)


def _store(
    bucket: str, config: GCSConfig, way: SignIn, opening: Opening, patience: Patience
) -> GCSStore:
    from obstore.store import GCSStore

    def provider() -> GCSCredential:
        return {"token": way.token, "expires_at": None}

    return GCSStore(
        bucket,
        config=config,
        client_options=client_options(opening, config["base_url"], patience),
        retry_config=retries(patience),
        credential_provider=provider if way.token else None,
    )


def _anonymous() -> SignIn:
    return SignIn({})


def _way_in(url: str, opening: Opening) -> SignIn:
    """Look in the order of Google's own programs: what was named, a token, the user's login, the machine."""
    options, environment = opening.options, opening.environment
    try:
        if options.get("service-account-file"):
            return _of_file(_at_home(options["service-account-file"], environment))
        token = environment.get("GOOGLE_BEARER_TOKEN") or environment.get(
            "CLOUDSDK_AUTH_ACCESS_TOKEN"
        )
        if token:
            return SignIn({}, token)
        if environment.get("GOOGLE_SERVICE_ACCOUNT_KEY"):
            return SignIn({"service_account_key": environment["GOOGLE_SERVICE_ACCOUNT_KEY"]})
        for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT"):
            if environment.get(name):
                return _of_file(_at_home(environment[name], environment))
        path = _users_login(environment)
        if path is not None and path.exists():
            return _of_file(path)
    except ConfigError as exc:
        return SignIn({}, check=_raising(exc))
    return _machine(url)


def _of_file(path: Path) -> SignIn:
    """Return the way in that a file of Google's describes. Raises ConfigError."""
    try:
        text = path.read_text("utf-8")
        said = json.loads(text)
        kind = said["type"]
    except OSError as exc:
        raise ConfigError(
            f"cannot read the Google credentials in {path}", why=exc.strerror or str(exc)
        ) from exc
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"cannot understand the Google credentials in {path}",
            why="it is not JSON with a type",
            hint=LOG_IN,
        ) from None  # the text of the failure may quote a key
    if kind == "service_account":
        return SignIn({"service_account_key": text})
    if kind == "authorized_user":
        return SignIn({"application_credentials": str(path)})
    raise ConfigError(
        f"the Google credentials in {path} are of a kind that is not supported: {kind}",
        hint='set GOOGLE_BEARER_TOKEN="$(gcloud auth print-access-token)"; it is good for an hour',
    )


def _users_login(environment: Mapping[str, str]) -> Path | None:
    """Law 6: the home is that of the environment we were handed."""
    name = "application_default_credentials.json"
    if environment.get("CLOUDSDK_CONFIG"):
        return Path(environment["CLOUDSDK_CONFIG"]) / name
    if environment.get("APPDATA"):
        return Path(environment["APPDATA"]) / "gcloud" / name
    home = environment.get("HOME")
    return Path(home) / ".config" / "gcloud" / name if home else None


def _at_home(path: str, environment: Mapping[str, str]) -> Path:
    home = environment.get("HOME", "~")
    return Path(home + path[1:]) if path.startswith("~/") else Path(path)


def _machine(url: str) -> SignIn:
    known: list[bool] = []

    def check() -> None:
        if not known:
            known.append(answers(METADATA, {"Metadata-Flavor": "Google"}))
        if not known[0]:
            raise Denied(
                f"there is no login for {url}",
                why="none in the environment and none of gcloud, and this machine has no service account",
                hint=f"{LOG_IN}; or name a file with -o service-account-file=FILE; "
                "or for a public bucket: git mlvc remote set NAME anonymous=true",
            )

    return SignIn({}, check=check)


def _raising(exc: ConfigError) -> Callable[[], None]:
    def check() -> None:
        raise exc

    return check
