"""A certificate for 127.0.0.1 that vouches for itself, for servers of the tests that speak TLS."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from support.servers.programs import program


def make_certificate(directory: Path) -> Path:
    """Return the file of the certificate in PEM form; its key is beside it, as `key.pem`."""
    words = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=lab",
        "-addext",
    ]
    names = ["subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:false"]
    out = ["-keyout", directory / "key.pem", "-out", directory / "cert.pem"]
    subprocess.run([program("openssl"), *words, *names, *out], check=True, capture_output=True)
    return directory / "cert.pem"


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context
