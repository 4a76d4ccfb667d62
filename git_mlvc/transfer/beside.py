"""The place for data beside a git remote that is a directory: `mlvc/` in its git common directory.

Finds it without running git, by the rules git itself uses to open a local remote.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

PLACE = "mlvc"
_SUFFIXES = ("/.git", "", ".git/.git", ".git")  # in the order of git's own enter_repo()
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_URL = re.compile(r'url\s*=\s*"?([^"#;]+?)"?\Z')
_MAX_GIT_FILE_BYTES = 1 << 16


def default_url(git_url: str, top: Path) -> str | None:
    """Return where data goes for the git remote `git_url`, None if that is not a directory.

    Relative paths start at `top`; `~` is for the caller to replace. A directory that is not there now (a disk that is not mounted)
    still gets its answer, so that whoever uses it says what is wrong. Touches nothing.
    """
    path = _local_path(git_url, top)
    if path is None:
        return None
    for suffix in _SUFFIXES:
        common_dir = _common_dir(Path(f"{path}{suffix}"))
        if common_dir is not None:
            return str(common_dir / PLACE)
    return None if path.exists() else str(path / PLACE)


def beyond(place: str) -> list[str]:
    """Return the places beside the remotes of the repository that has `place` beside it.

    A repository made by `git clone --bare` or `--mirror` has the commits and not the data: that is where
    it was cloned from. Only repositories that are there now. Touches nothing.
    """
    common_dir = Path(place).parent
    top = common_dir.parent if common_dir.name == ".git" else common_dir
    found = []
    section = ""
    for line in _read(common_dir / "config").splitlines():
        words = line.strip()
        if words.startswith("["):
            section = words
        elif section.startswith("[remote ") and (match := _URL.match(words)):
            url = default_url(match[1], top)
            if url is not None and url != place and Path(url).parent.is_dir():
                found.append(url)
    return found


def _local_path(git_url: str, top: Path) -> Path | None:
    if not git_url or git_url.startswith("-"):
        return None
    if git_url.startswith("file://"):
        parts = urlsplit(git_url.replace("#", "%23").replace("?", "%3F"))
        if parts.netloc not in ("", "localhost"):
            return None
        return Path(unquote(parts.path, errors="surrogateescape"))
    if not _DRIVE.match(git_url):
        # A colon before the first slash: a URL, ssh's host:path, or a transport helper's ext::…
        colon, slash = git_url.find(":"), git_url.find("/")
        if colon >= 0 and (slash < 0 or colon < slash):
            return None
    elif os.name != "nt":
        return None
    return _without_dots(top / git_url)


def _common_dir(path: Path) -> Path | None:
    """Return the git common directory that `path` is or points to, None if it is no repository."""
    git_dir = path
    if path.is_file():
        text = _read(path)
        if not text.startswith("gitdir: "):
            return None
        git_dir = path.parent / text.removeprefix("gitdir: ").rstrip("\r\n")
    if not (git_dir / "HEAD").exists() and not (git_dir / "HEAD").is_symlink():
        return None
    common = _read(git_dir / "commondir").rstrip("\r\n")
    common_dir = git_dir / common if common else git_dir
    if not (common_dir / "objects").is_dir() or not (common_dir / "refs").is_dir():
        return None
    return _without_dots(common_dir)


def _without_dots(path: Path) -> Path:
    # Through links as the system goes; and one place has one name, whichever way leads there.
    return Path(os.path.realpath(path)) if ".." in path.parts else path


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_GIT_FILE_BYTES:
            return ""
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return ""
