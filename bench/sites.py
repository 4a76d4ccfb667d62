"""Servers that a remote benchmark runs against, and what each tool has to be told to use them.

Each is started on loopback by the code that the tests start it with, keeps its data below one directory and is ended
with the run. `at(port)`: as seen through that port, which may be that of `far_away.py`.
"""

import os
import secrets
import sys
from pathlib import Path
from shlex import quote

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


class Site:
    """A running server; subclasses say how tools reach a new, empty place on it.

    Each of the methods named after a tool returns a shell script that makes the remote known in a
    repository, and the environment the tool needs; None where the tool cannot use such a server.
    """

    name = ""

    def __init__(self, port, stop):
        self.port, self.stop = port, stop

    def mlvc(self, port, place):
        raise NotImplementedError

    def dvc(self, port, place):
        return None

    def lfs(self, port, place):
        return None

    def rclone(self, port, place):
        """Return the configuration of a remote `far:`, as variables, and the path on it."""
        return

    def aws(self, port, place):
        return None


def mlvc_remote(url, **options):
    settings = {"url": url, **options}
    lines = [
        f"git config mlvc.remote.far.{name} {quote(value)}" for name, value in settings.items()
    ]
    return " && ".join([*lines, "git config mlvc.default far"])


class S3(Site):
    """OpenStack Swift with its S3 dialect."""

    name = "S3"

    def __init__(self, top):
        from support.servers import swift

        self.server = swift.start(top)
        super().__init__(self.server.process.port, self.server.stop)
        self.bucket = self.server.bucket()

    def endpoint(self, port):
        return f"http://127.0.0.1:{port}"

    def mlvc(self, port, place):
        script = mlvc_remote(
            f"s3://{self.bucket}/{place}", endpoint=self.endpoint(port), region="us-east-1"
        )
        return script, self.server.environment

    def dvc(self, port, place):
        script = (
            f"dvc remote add -q -f -d far s3://{self.bucket}/{place} && "
            f"dvc remote modify -q far endpointurl {self.endpoint(port)}"
        )
        return script, {**self.server.environment, "AWS_DEFAULT_REGION": "us-east-1"}

    def rclone(self, port, place):
        settings = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ENDPOINT": self.endpoint(port),
            "REGION": "us-east-1",
            "ACCESS_KEY_ID": self.server.access_key,
            "SECRET_ACCESS_KEY": self.server.secret_key,
        }
        return settings, f"{self.bucket}/{place}"

    def aws(self, port, place):
        environment = {**self.server.environment, "AWS_DEFAULT_REGION": "us-east-1"}
        return f"--endpoint-url {self.endpoint(port)}", environment, f"s3://{self.bucket}/{place}"


class Ssh(Site):
    """OpenSSH."""

    name = "SSH"

    def __init__(self, top):
        from support.servers import openssh

        self.server = openssh.start(top)
        super().__init__(self.server.process.port, self.server.stop)
        self.root = top / "kept"
        self.root.mkdir()
        self.user = os.environ.get("USER") or "root"

    def mlvc(self, port, place):
        script = mlvc_remote(f"ssh://127.0.0.1:{port}{self.root}/{place}")
        return script, {"GIT_SSH_COMMAND": self.server.command}

    def dvc(self, port, place):
        script = (
            f"dvc remote add -q -f -d far ssh://127.0.0.1:{port}{self.root}/{place} && "
            f"dvc remote modify -q far keyfile {self.server.identity} && "
            f"dvc remote modify -q far user {self.user}"
        )
        return script, {}

    def rclone(self, port, place):
        settings = {
            "TYPE": "sftp",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "USER": self.user,
            "KEY_FILE": str(self.server.identity),
            "SHELL_TYPE": "unix",
        }
        return settings, f"{self.root}/{place}"


class Dav(Site):
    """WebDAV on nginx."""

    name = "HTTP"

    def __init__(self, top):
        from support.servers import nginx

        self.server = nginx.start_dav(top)
        super().__init__(self.server.process.port, self.server.stop)

    def url(self, port, place):
        return self.server.url.replace(f":{self.port}", f":{port}").rstrip("/") + f"/{place}"

    def mlvc(self, port, place):
        return mlvc_remote(self.url(port, place), webdav="true"), {}

    def dvc(self, port, place):
        url = self.url(port, place).replace("http:", "webdav:", 1)
        return f"dvc remote add -q -f -d far {url}", {}

    def rclone(self, port, place):
        return {"TYPE": "webdav", "URL": self.url(port, ""), "VENDOR": "other"}, place


class Lfs(Site):
    """A git-lfs server, dulwich's."""

    name = "LFS"

    def __init__(self, top):
        from support.servers import dulwich_lfs

        self.server = dulwich_lfs.start(top)
        super().__init__(self.server.port, self.server.stop)

    def url(self, port):
        return f"http://127.0.0.1:{port}"

    def lfs(self, port, place):
        return f"git config lfs.url {self.url(port)} && git config lfs.locksverify false", {}

    def mlvc(self, port, place):
        return f"git config lfs.url {self.url(port)} && {mlvc_remote('lfs')}", {}


SITES = {site.name: site for site in (S3, Ssh, Dav, Lfs)}


def new_place():
    return f"place-{secrets.token_hex(4)}"
