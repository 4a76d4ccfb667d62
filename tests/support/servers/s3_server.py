"""What S3 servers of the tests have in common: a port, a pair of keys, a new bucket for each place."""

from __future__ import annotations

import secrets

from support.servers.place import RemotePlace
from support.servers.process import ServerProcess
from support.servers.s3_request import s3_request


class S3Server:
    """A running server; `place()` is a prefix in a new bucket."""

    def __init__(self, process: ServerProcess, access_key: str, secret_key: str) -> None:
        self.process = process
        self.access_key = access_key
        self.secret_key = secret_key

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.process.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        return s3_request(
            method,
            self.process.port,
            path,
            access_key=self.access_key,
            secret_key=self.secret_key,
            body=body,
        )

    def bucket(self) -> str:
        """Make a new bucket and return its name."""
        name = f"bucket-{secrets.token_hex(6)}"
        status, said = self.request("PUT", f"/{name}")
        assert status == 200, said
        return name

    def place(self, prefix: str = "data/mlvc") -> RemotePlace:
        """Return a new bucket, or the prefix in it."""
        return RemotePlace(
            f"s3://{self.bucket()}/{prefix}",
            options={"endpoint": self.endpoint, "region": "us-east-1"},
            environment=self.environment,
        )

    def stop(self) -> None:
        self.process.stop()
