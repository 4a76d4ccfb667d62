"""Every driver that speaks HTTP, and each fault at each request of each verb: see support/fault_contract.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.fault_contract import FaultContract
from support.faulty_place import Faulty, faulty_place
from support.servers.s3_server import S3Server


class TestS3(FaultContract):
    @pytest.fixture(scope="class")
    @classmethod
    def faulty(cls, moto_server: S3Server) -> Iterator[Faulty]:
        secrets = (moto_server.secret_key,)
        with faulty_place(moto_server.place(), secrets=secrets) as made:
            yield made
