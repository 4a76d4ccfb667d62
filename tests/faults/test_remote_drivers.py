"""Every driver that speaks HTTP, and each fault at each request of each verb: see support/fault_contract.py.

git-lfs, whose table of keys lives in a git repository, meets the same days in test_remote_commands.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.extent import IN_FULL
from support.fault_contract import FaultContract, QuickFaultContract
from support.faulty_place import Faulty, faulty_place
from support.servers.azurite import KEY, AzuriteServer
from support.servers.gcs_double import GcsDouble
from support.servers.s3_server import S3Server

# Google and Azure are the same code as S3 but for their addresses and errors: what takes waiting is for `make faults`.
AsS3: type[QuickFaultContract] = FaultContract if IN_FULL else QuickFaultContract


class TestS3(FaultContract):
    @pytest.fixture(scope="class")
    @classmethod
    def faulty(cls, moto_server: S3Server) -> Iterator[Faulty]:
        secrets = (moto_server.secret_key,)
        with faulty_place(moto_server.place(), secrets=secrets) as made:
            yield made


class TestGoogle(AsS3):
    @pytest.fixture(scope="class")
    @classmethod
    def faulty(cls, gcs_server: GcsDouble) -> Iterator[Faulty]:
        with faulty_place(gcs_server.place(), secrets=(gcs_server.token,)) as made:
            yield made


class TestAzure(AsS3):
    @pytest.fixture(scope="class")
    @classmethod
    def faulty(cls, azurite_server: AzuriteServer) -> Iterator[Faulty]:
        with faulty_place(azurite_server.place(), secrets=(KEY,)) as made:
            yield made
