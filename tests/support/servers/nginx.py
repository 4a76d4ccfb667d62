"""nginx on loopback: the same folders as plain files and as WebDAV, open and behind a password, and over TLS."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from support.servers import programs
from support.servers.documented import configuration
from support.servers.place import RemotePlace
from support.servers.process import ServerProcess, free_port

USER, PASSWORD = "ann", "s3cret"
_MODULE = "ngx_http_dav_ext_module.so"

# All locations show one folder. /strict makes no folders by itself; /models is as the guide says.
_CONFIG = """
{module}
daemon off;
master_process off;
worker_processes 1;
pid {top}/nginx.pid;
error_log {top}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  default_type application/octet-stream;
  client_body_temp_path {top}/body;
  proxy_temp_path {top}/proxy; fastcgi_temp_path {top}/fastcgi;
  uwsgi_temp_path {top}/uwsgi; scgi_temp_path {top}/scgi;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {top}/cert.pem;
    ssl_certificate_key {top}/key.pem;
    root {top}/data;
    location /files/ {{ alias {top}/data/dav/; }}
    location /dav/ {{ {dav} client_max_body_size 0; create_full_put_path on; }}
    location /strict/ {{ alias {top}/data/dav/; {dav} client_max_body_size 0; }}
    location /small/ {{ alias {top}/data/dav/; {dav} client_max_body_size 1k; create_full_put_path on; }}
    location /guarded/ {{
      alias {top}/data/dav/; {dav} client_max_body_size 0; create_full_put_path on;
      auth_basic data; auth_basic_user_file {top}/users;
    }}
    {documented}
  }}
}}
"""
_DAV = "dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS;"


@dataclass
class Nginx:
    """`data`: the folder that all locations show; a place is one folder in it."""

    process: ServerProcess
    tls_port: int
    top: Path
    _numbers: count[int] = field(default_factory=count)

    @property
    def data(self) -> Path:
        return self.top / "data" / "dav"

    @property
    def authority(self) -> Path:
        """The certificate of the TLS port, signed by itself."""
        return self.top / "cert.pem"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.process.port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    def place(self, location: str = "dav") -> RemotePlace:
        return RemotePlace(f"{self.url}/{location}/place-{next(self._numbers)}")

    def stop(self) -> None:
        self.process.stop()


def start(directory: Path) -> Nginx:
    """Start it with its data in `directory`. Skips the test where it is not installed."""
    program = programs.program("nginx")
    module = programs.file(
        _MODULE, ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules"]
    )
    (directory / "data" / "dav").mkdir(parents=True)
    certify(directory)
    (directory / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    port, tls_port = free_port(), free_port()
    config = directory / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            module=f"load_module {module};",
            top=directory,
            port=port,
            tls_port=tls_port,
            dav=_DAV,
            documented=configuration("nginx", directory / "data" / "dav", directory / "users"),
        )
    )
    process = ServerProcess(
        [program, "-p", directory, "-e", directory / "error.log", "-c", config],
        port,
        directory / "nginx.log",
    )
    process.wait()
    return Nginx(process, tls_port, directory)


def certify(directory: Path) -> None:
    """Make cert.pem and key.pem for 127.0.0.1 and localhost."""
    subprocess.run(
        [
            *(programs.program("openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=git-mlvc test"),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
            *("-keyout", directory / "key.pem", "-out", directory / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
