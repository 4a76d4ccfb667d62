"""`az://CONTAINER/PREFIX`: Azure Blob Storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from shutil import which
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import obstore

from git_mlvc.backend.base import Denied
from git_mlvc.backend.object_store.backend import ObjectStoreBackend
from git_mlvc.backend.object_store.bucket_address import checked_endpoint, split_address
from git_mlvc.backend.object_store.client import client_options, retries
from git_mlvc.backend.object_store.meaning import Meaning
from git_mlvc.backend.object_store.metadata_address import answers
from git_mlvc.backend.object_store.service import Patience, Service
from git_mlvc.backend.object_store.upload import SignedPut
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError
from git_mlvc.settings import parse_bool

if TYPE_CHECKING:
    from obstore.store import AzureConfig, AzureStore, ObjectStore

METADATA = "http://169.254.169.254/metadata/identity/oauth2/token"
SIGNED_FOR = timedelta(hours=1)
RIGHTS = {
    "write": "role Storage Blob Data Contributor",
    "read": "role Storage Blob Data Reader",
    "look for": "role Storage Blob Data Reader",
    "list": "role Storage Blob Data Reader",
    "delete": "role Storage Blob Data Contributor",
}
SIGN_IN = "Keys come from AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, or az login"

# What is looked for in the environment, under the names of Microsoft's own programs first.
_ACCOUNT = ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")
_KEY = ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY")
_SAS = ("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY")
_ENDPOINT = ("AZURE_STORAGE_SERVICE_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
_CLIENT = ("AZURE_CLIENT_ID", "AZURE_STORAGE_CLIENT_ID")
_TENANT = ("AZURE_TENANT_ID", "AZURE_STORAGE_TENANT_ID")
_SECRET = ("AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET")


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account, and the one way in that counts. `sas`: what is put behind addresses."""

    name: str
    endpoint: str
    config: AzureConfig = field(repr=False)
    sas: str = field(default="", repr=False)
    can_be_machine: bool = False


def open_url(url: str, opening: Opening) -> ObjectStoreBackend:
    """Return the driver. Raises ConfigError for an address or option that is malformed.

    An account or key that is missing is an error of the first request.
    """
    container, prefix = split_address(url, "az://CONTAINER/PREFIX")
    is_anonymous = parse_bool(opening.options.get("anonymous", "false"), key="the option anonymous")
    endpoint = opening.options.get("endpoint")
    if endpoint:
        checked_endpoint(endpoint, "the option endpoint")
    try:
        account, wrong = _account(opening.options, opening.environment, is_anonymous), None
    except ConfigError as exc:
        account, wrong = Account("unknown", endpoint or "https://azure", {}), exc
    known: list[bool] = []

    def check() -> None:
        if wrong is not None:
            raise wrong
        if account.can_be_machine:
            if not known:
                known.append(answers(METADATA, {"Metadata": "true"}))
            if not known[0]:
                raise _nobody(url)

    def connect(patience: Patience) -> AzureStore:
        from obstore.store import AzureStore

        return AzureStore(
            container,
            config=account.config,
            client_options=client_options(opening, account.endpoint, patience),
            retry_config=retries(patience),
        )

    def sign_put(store: ObjectStore, path: str, is_new: bool) -> SignedPut:
        headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2023-11-03"}
        if is_new:
            headers["If-None-Match"] = "*"
        if account.sas or is_anonymous:
            address = f"{account.endpoint}/{container}/{quote(path, safe='/~')}"
            return SignedPut(f"{address}?{account.sas}" if account.sas else address, headers)
        return SignedPut(obstore.sign(cast("AzureStore", store), "PUT", path, SIGNED_FOR), headers)

    service = Service(
        url=url.rstrip("/"),
        prefix=prefix,
        connect=connect,
        meaning=Meaning(url.rstrip("/"), account.endpoint, "container", container, RIGHTS, SIGN_IN),
        creates_atomically=True,
        sign_in=check,
        sign_put=sign_put,
    )
    return ObjectStoreBackend(service, opening)


def _account(
    options: Mapping[str, str], environment: Mapping[str, str], is_anonymous: bool
) -> Account:
    """Return the account and how to sign: options, then a connection string, then single variables.

    Raises ConfigError where no account is named.
    """
    told = _connection_string(environment.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    name = options.get("account") or told.get("AccountName") or _first(environment, _ACCOUNT)
    suffix = told.get("EndpointSuffix", "core.windows.net")
    endpoint = options.get("endpoint") or told.get("BlobEndpoint") or _first(environment, _ENDPOINT)
    if not name and endpoint:
        name = endpoint.rstrip("/").rpartition("/")[2].partition(".")[0]
    if not name:
        raise ConfigError(
            "it is not said which Azure storage account to use",
            hint="git mlvc remote add NAME az://CONTAINER/PREFIX -o account=ACCOUNT",
        )
    endpoint = checked_endpoint(endpoint or f"https://{name}.blob.{suffix}", "the blob endpoint")
    config: AzureConfig = {
        "account_name": name,
        "endpoint": endpoint,
        "use_emulator": False,
        "use_fabric_endpoint": False,
        "disable_tagging": True,
        "skip_signature": is_anonymous,
    }
    if is_anonymous:
        return Account(name, endpoint, config)
    key = options.get("account-key") or told.get("AccountKey") or _first(environment, _KEY)
    if key:
        config |= {"account_key": key, "credential_type": "access_key"}
        return Account(name, endpoint, config)
    sas = options.get("sas") or told.get("SharedAccessSignature") or _first(environment, _SAS)
    if sas:
        sas = sas.lstrip("?")
        config |= {"sas_key": sas, "credential_type": "sas_token"}
        return Account(name, endpoint, config, sas)
    way, can_be_machine = _token_source(environment)
    return Account(name, endpoint, {**config, **way}, can_be_machine=can_be_machine)


def _token_source(environment: Mapping[str, str]) -> tuple[AzureConfig, bool]:
    """Return how the library gets tokens, and whether that is the identity of a machine we may not be on."""
    token = environment.get("AZURE_STORAGE_TOKEN")
    if token:
        return {"token": token, "credential_type": "bearer_token"}, False
    client, tenant = _first(environment, _CLIENT), _first(environment, _TENANT)
    found: AzureConfig = {}
    if environment.get("AZURE_AUTHORITY_HOST"):
        found["authority_host"] = environment["AZURE_AUTHORITY_HOST"]
    secret, token_file = _first(environment, _SECRET), environment.get("AZURE_FEDERATED_TOKEN_FILE")
    if client and tenant and secret:
        return {
            **found,
            "client_id": client,
            "tenant_id": tenant,
            "client_secret": secret,
            "credential_type": "client_secret",
        }, False
    if client and tenant and token_file:
        return {
            **found,
            "client_id": client,
            "tenant_id": tenant,
            "federated_token_file": token_file,
            "credential_type": "workload_identity",
        }, False
    if environment.get("IDENTITY_ENDPOINT"):  # App Service and Functions
        found["msi_endpoint"] = environment["IDENTITY_ENDPOINT"]
    elif which("az", path=environment.get("PATH", "")):
        return {"use_azure_cli": True, "credential_type": "azure_cli"}, False
    if client:
        found["client_id"] = client
    found["credential_type"] = "managed_identity"
    return found, "msi_endpoint" not in found


def _connection_string(text: str) -> dict[str, str]:
    """Return the parts of "Name=Value;Name=Value"; values may hold "="."""
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _nobody(url: str) -> Denied:
    return Denied(
        f"there are no keys for {url}",
        why="none in the environment, no az program, and this machine has no identity in Azure",
        hint="az login; or set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_KEY",
    )
