"""`git mlvc serve-store`: declared here for its help; `cli/store_server.py` runs it."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import verb


@verb(
    "serve-store",
    example='command="git-mlvc serve-store --restrict /srv/data",restrict ssh-ed25519 AAAA… ada   # in authorized_keys',
)
@click.option(
    "--restrict",
    "directory",
    metavar="DIRECTORY",
    help="Serve nothing outside of it; relative paths start in it.",
)
@click.option("--read-only", is_flag=True, help="Let nothing be written or deleted.")
def serve_store(invocation: Invocation, directory: str | None, read_only: bool) -> int:
    """A git-mlvc on another host starts this over ssh, when a remote is `ssh://HOST/PATH`.

    One connection then answers many requests at once (docs/formats/served.md). It may do what the
    user may whom ssh let in. As the forced command of a key, with `--restrict`, that key is good for
    one directory and nothing else.
    """
    from git_mlvc.cli import store_server

    words = ["--restrict", directory] if directory else []
    return store_server.serve(invocation, [*words, *(["--read-only"] if read_only else [])])
