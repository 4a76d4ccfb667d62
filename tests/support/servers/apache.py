"""Apache with mod_dav on loopback, open and behind a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from support.servers import programs
from support.servers.documented import configuration
from support.servers.place import RemotePlace
from support.servers.process import ServerProcess, free_port

USER, PASSWORD = "ann", "s3cret"
_MODULES = "mpm_event authn_core authn_file authz_core authz_user auth_basic dav dav_fs setenvif mime alias"
_CONFIG = """
ServerRoot {top}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {top}/apache.pid
ErrorLog {top}/error.log
Mutex file:{top}
{modules}
{user}
TypesConfig /dev/null
StartServers 1
DavLockDB {top}/locks
DocumentRoot {top}/data
<Directory {top}/data>
  Require all granted
</Directory>
<Location /dav>
  Dav On
</Location>
{documented}
"""


@dataclass
class Apache:
    """`data`: the folder that all locations show. /models is as the guide says."""

    process: ServerProcess
    top: Path
    _numbers: count[int] = field(default_factory=count)

    @property
    def data(self) -> Path:
        return self.top / "data" / "dav"

    def place(self, location: str = "dav") -> RemotePlace:
        url = f"http://127.0.0.1:{self.process.port}/{location}/place-{next(self._numbers)}"
        return RemotePlace(url)

    def stop(self) -> None:
        self.process.stop()
        shutil.rmtree(self.top)


def start() -> Apache:
    """Start it in a directory of its own, since it works as somebody else when root starts it.

    Skips the test where it is not installed.
    """
    program = programs.program("apache2")
    folder = programs.file("mod_dav.so", ["/usr/lib/apache2/modules"]).parent
    directory = Path(tempfile.mkdtemp(prefix="apache-"))
    (directory / "data" / "dav").mkdir(parents=True)
    for path in (directory, directory / "data", directory / "data" / "dav"):
        path.chmod(0o777)
    hashed = subprocess.run(
        [programs.program("openssl"), "passwd", "-apr1", PASSWORD],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (directory / "users").write_text(f"{USER}:{hashed}\n")
    port = free_port()
    modules = [f"LoadModule {name}_module {folder}/mod_{name}.so" for name in _MODULES.split()]
    config = directory / "apache.conf"
    user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
    config.write_text(
        _CONFIG.format(
            top=directory,
            port=port,
            modules="\n".join(modules),
            user=user,
            documented=configuration("apache", directory / "data" / "dav", directory / "users"),
        )
    )
    process = ServerProcess(
        [program, "-f", config, "-D", "FOREGROUND"], port, directory / "apache.log"
    )
    process.wait()
    return Apache(process, directory)
