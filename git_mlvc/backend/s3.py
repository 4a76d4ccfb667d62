"""`s3://BUCKET/PREFIX`: Amazon S3 and all that speaks like it (MinIO, Ceph, R2, Wasabi, Swift …)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

import obstore

from git_mlvc.backend.aws.credentials import SignIn, resolve_profile, sign_in
from git_mlvc.backend.aws.profiles import Profile
from git_mlvc.backend.object_store.backend import ObjectStoreBackend
from git_mlvc.backend.object_store.bucket_address import checked_endpoint, split_address
from git_mlvc.backend.object_store.client import client_options, retries
from git_mlvc.backend.object_store.meaning import Meaning
from git_mlvc.backend.object_store.service import Patience, Service
from git_mlvc.backend.object_store.upload import SignedPut
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError
from git_mlvc.settings import parse_bool

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Config, S3Credential, S3Store

DEFAULT_REGION = "us-east-1"
SIGNED_FOR = timedelta(hours=1)  # to begin an upload; it may take longer
RIGHTS = {
    "write": "s3:PutObject",
    "read": "s3:GetObject; without s3:ListBucket also what is not there is refused",
    "look for": "s3:GetObject; without s3:ListBucket also what is not there is refused",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}
SIGN_IN = "Keys come from AWS_ACCESS_KEY_ID, from ~/.aws, or from the option `profile`"


def open_url(url: str, opening: Opening) -> ObjectStoreBackend:
    """Return the driver. Raises ConfigError for an address or option that is malformed.

    A profile or key that is missing is an error of the first request.
    """
    bucket, prefix = split_address(url, "s3://BUCKET/PREFIX")
    opening = _with_authorities(opening)
    options, environment = opening.options, opening.environment
    is_anonymous = parse_bool(options.get("anonymous", "false"), key="the option anonymous")
    profile, way = _way_in(url, opening, is_anonymous)
    named = _endpoint(options, environment, profile)
    region = _region(options, environment, profile)
    base = named or _amazon(region)
    is_path_style = _is_path_style(options, bucket, named)
    endpoint = base if is_path_style else _in_host(bucket, base)
    config = _pinned(endpoint, region)
    config["virtual_hosted_style_request"] = not is_path_style
    config["skip_signature"] = is_anonymous
    config |= way.config or {}

    def connect(patience: Patience) -> S3Store:
        return _store(bucket, config, way, opening, patience)

    def sign_put(store: ObjectStore, path: str, is_new: bool) -> SignedPut:
        headers = {"If-None-Match": "*"} if is_new else {}
        if is_anonymous:
            return SignedPut(_address(endpoint, bucket if is_path_style else "", path), headers)
        return SignedPut(obstore.sign(cast("S3Store", store), "PUT", path, SIGNED_FOR), headers)

    service = Service(
        url=url.rstrip("/"),
        prefix=prefix,
        connect=connect,
        meaning=Meaning(url.rstrip("/"), base, "bucket", bucket, RIGHTS, SIGN_IN),
        creates_atomically=_is_amazon(base),
        sign_in=way.check,
        sign_put=sign_put,
    )
    return ObjectStoreBackend(service, opening)


def _way_in(url: str, opening: Opening, is_anonymous: bool) -> tuple[Profile, SignIn]:
    """Return the profile and how to sign; what is wrong with them is told when they are needed."""
    nobody = Profile("", {})
    if is_anonymous:
        return nobody, SignIn()
    try:
        profile = resolve_profile(opening.options, opening.environment)
        return profile, sign_in(url, opening.options, opening.environment, profile)
    except ConfigError as exc:
        wrong = exc

        def check() -> None:
            raise wrong

        return nobody, SignIn(check=check)


def _with_authorities(opening: Opening) -> Opening:
    """AWS has a variable of its own for certificates."""
    bundle = opening.environment.get("AWS_CA_BUNDLE")
    if not bundle or "ca-file" in opening.options:
        return opening
    return replace(opening, options={**opening.options, "ca-file": bundle})


def _is_path_style(options: Mapping[str, str], bucket: str, endpoint: str | None) -> bool:
    asked_for = options.get("path-style")
    if asked_for:
        return parse_bool(asked_for, key="the option path-style")
    # In a host's name, dots of the bucket would not fit the certificate.
    return endpoint is not None or "." in bucket


def _store(
    bucket: str, config: S3Config, way: SignIn, opening: Opening, patience: Patience
) -> S3Store:
    from obstore.store import S3Store

    keys = way.keys
    provider = None
    if keys is not None:

        def provider() -> S3Credential:
            found = keys()
            return {
                "access_key_id": found.access_key_id,
                "secret_access_key": found.secret_access_key,
                "token": found.token,
                "expires_at": found.expires_at,
            }

    return S3Store(
        bucket,
        config=config,
        client_options=client_options(opening, config["endpoint"], patience),
        retry_config=retries(patience),
        credential_provider=provider,
    )


def _pinned(endpoint: str, region: str) -> S3Config:
    """Return what the library would else look up in the process's environment (law 6)."""
    return {
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,
        "region": region,
        "conditional_put": "etag",
        "disable_bulk_delete": True,  # not every server has it, or has it right
        "disable_tagging": True,
        "request_payer": False,
        "s3_express": False,
        "unsigned_payload": False,  # so that the server sees a body that changed on the way
    }


def _endpoint(
    options: Mapping[str, str], environment: Mapping[str, str], profile: Profile
) -> str | None:
    """Return another server than Amazon's, if one is named. Raises ConfigError."""
    if options.get("endpoint"):
        return checked_endpoint(options["endpoint"], "the option endpoint")
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if environment.get(name):
            return checked_endpoint(environment[name], name)
    if profile.get("endpoint_url"):
        return checked_endpoint(profile.get("endpoint_url"), "endpoint_url in ~/.aws/config")
    return None


def _region(options: Mapping[str, str], environment: Mapping[str, str], profile: Profile) -> str:
    return (
        options.get("region")
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or profile.get("region")
        or DEFAULT_REGION
    )


def _amazon(region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://s3.{region}.{suffix}"


def _in_host(bucket: str, endpoint: str) -> str:
    scheme, _, rest = endpoint.partition("://")
    return f"{scheme}://{bucket}.{rest}"


def _is_amazon(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _address(endpoint: str, bucket: str, path: str) -> str:
    return "/".join(part for part in (endpoint, bucket, quote(path, safe="/~")) if part)
