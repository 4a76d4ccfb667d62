"""Servers that a remote benchmark runs against, and what each tool has to be told to use them.

Each is started on loopback by the code that the tests start it with, keeps its data below one directory and is ended
with the run. `at(port)`: as seen through that port, which may be that of `far_away.py`.
"""

import getpass
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

    name, is_near_only = "", False

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
    """OpenSSH, with a git-mlvc on the other side that ours may talk to."""

    name, offers = "SSH", "GIT_MLVC"

    def __init__(self, top):
        from support.servers import openssh

        self.server = openssh.start(top, openssh.Offers[self.offers])
        super().__init__(self.server.port, self.server.stop)
        self.root = top / "kept"
        self.root.mkdir()

    def mlvc(self, port, place):
        options = {key: str(value) for key, value in self.server.options.items()}
        script = mlvc_remote(f"ssh://lab{self.root}/{place}", **options)
        command = self.server.environment(port=port)["GIT_SSH_COMMAND"]
        return f"export GIT_SSH_COMMAND={quote(command)} && {script}", {}

    def dvc(self, port, place):
        if self.offers != "GIT_MLVC":
            return None
        script = (
            f"dvc remote add -q -f -d far ssh://127.0.0.1:{port}{self.root}/{place} && "
            f"dvc remote modify -q far keyfile {self.server.user_key} && "
            f"dvc remote modify -q far user {getpass.getuser()}"
        )
        return script, {}

    def rclone(self, port, place):
        if self.offers != "GIT_MLVC":
            return None
        settings = {
            "TYPE": "sftp",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "USER": getpass.getuser(),
            "KEY_FILE": str(self.server.user_key),
            "SHELL_TYPE": "unix",
        }
        return settings, f"{self.root}/{place}"


class Sftp(Ssh):
    """OpenSSH with SFTP alone."""

    name, offers = "SFTP", "SFTP"


class Dav(Site):
    """WebDAV on nginx."""

    name = "HTTP"

    def __init__(self, top):
        from support.servers import nginx

        self.server = nginx.start(top)
        super().__init__(self.server.process.port, self.server.stop)

    def mlvc(self, port, place):
        return mlvc_remote(f"http://127.0.0.1:{port}/dav/{place}"), {}

    def dvc(self, port, place):
        (self.server.data / place).mkdir(exist_ok=True)  # it does not make the first folder itself
        return f"dvc remote add -q -f -d far webdav://127.0.0.1:{port}/dav/{place}", {}

    def rclone(self, port, place):
        url = f"http://127.0.0.1:{port}/dav"
        return {"TYPE": "webdav", "URL": url, "VENDOR": "other"}, place


class Lfs(Site):
    """A small forge: git over HTTP and dulwich's git-lfs server beside it. Its answers name its own port: near only."""

    name, is_near_only = "LFS", True

    def __init__(self, top):
        from support.servers import dulwich_lfs

        self.server = dulwich_lfs.start(top)
        super().__init__(self.server.port, self.server.stop)
        self.urls = {}

    def at(self, place):
        """Return the git repository of a place, made at its first mention."""
        if place not in self.urls:
            self.urls[place] = self.server.repository()
        return (
            f"git remote set-url origin {self.urls[place]} && git push -q --no-verify origin HEAD"
        )

    def lfs(self, port, place):
        return f"{self.at(place)} && git config lfs.locksverify false", {}

    def mlvc(self, port, place):
        return f"{self.at(place)} && {mlvc_remote('lfs')}", {}


SITES = {site.name: site for site in (S3, Ssh, Sftp, Dav, Lfs)}


def new_place():
    return f"place-{secrets.token_hex(4)}"
