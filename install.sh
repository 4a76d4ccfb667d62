#!/bin/sh
# Installs git-mlvc into an environment of its own, puts `git-mlvc` on PATH and tells git about it.
#
#   ./install.sh [--demo]      install or upgrade; --demo then runs `git mlvc demo`
#   ./install.sh --uninstall   remove all that this script made
#   ./install.sh --venv DIR    only make an empty environment with pip in DIR (used by the Makefile)
#
# A user installs into the own home. Root installs for everybody, into /usr/local/lib/git-mlvc and
# /usr/local/bin; with --user root, too, installs into the own home.
# Python packages come from wherever pip is configured to take them; nothing is written to the source.
set -eu
unset CDPATH PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export PATH PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*"; }
fail() { # what, why, hint
    printf 'error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf '  why: %s\n' "$2" >&2
    [ -z "${3:-}" ] || printf 'hint: %s\n' "$3" >&2
    exit 1
}
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
on_path() { case ":$PATH:" in *":$1:"*) return 0 ;; *) return 1 ;; esac }

here=$(cd -- "$(dirname -- "$0")" && pwd)
if [ -z "${HOME:-}" ]; then
    HOME=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6) || HOME=
    [ -n "$HOME" ] || fail "HOME is not set" "" "set HOME to your home directory"
fi
export HOME
action=install
demo=
for_user=
for word in "$@"; do
    case $word in
    --demo) demo=yes ;;
    --user) for_user=yes ;;
    --uninstall) action=uninstall ;;
    --venv) [ "$word" = "$1" ] && action=venv && break ;;
    -h | --help) action=help ;;
    *) fail "unknown option: $word" "" "./install.sh [--user] [--demo | --uninstall]" ;;
    esac
done
at_home=${XDG_DATA_HOME:-$HOME/.local/share}/git-mlvc
for_all=
data=$at_home
if [ "$(id -u)" -eq 0 ] && [ -z "$for_user" ]; then
    for_all=yes
    data=/usr/local/lib/git-mlvc
fi
venv=$data/venv
launcher=$data/bin/git-mlvc
made=$data/made

# -- Python and pip

find_python() { # prints the first Python >= 3.11, one that can make an environment by itself if possible
    usable=
    for name in python3.13 python3.12 python3.11 python3 python; do
        path=$(command -v "$name" 2>/dev/null) || continue
        path=$("$path" -c 'import sys; sys.version_info >= (3, 11) and print(sys.executable)' 2>/dev/null) || continue
        [ -n "$path" ] || continue
        [ -n "$usable" ] || usable=$path
        if "$path" -c 'import ensurepip, venv' 2>/dev/null; then
            printf '%s\n' "$path"
            return
        fi
    done
    printf '%s\n' "$usable"
}

pip_from_index() { # python: fetches pip itself, checked against the hash the index gives
    "$1" - "$2" <<'PYTHON'
import configparser, hashlib, html.parser, os, re, sys, urllib.parse, urllib.request
home = os.environ["HOME"]
settings = configparser.RawConfigParser()
settings.read(["/etc/pip.conf", home + "/.pip/pip.conf", home + "/.config/pip/pip.conf", os.environ.get("PIP_CONFIG_FILE", "")])
index = os.environ.get("PIP_INDEX_URL") or settings.get("global", "index-url", fallback="https://pypi.org/simple")
index = index.rstrip("/") + "/pip/"
links = []
class Links(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "a" and found.get("data-yanked") is None:
            links.append(urllib.parse.urljoin(index, found.get("href") or ""))
Links().feed(urllib.request.urlopen(index, timeout=60).read().decode())
wheel = re.compile(r"/pip-([0-9.]+)-py3-none-any\.whl#sha256=([0-9a-f]{64})$")
found = [(tuple(map(int, m[1].split("."))), m[2], link) for link in links if (m := wheel.search(link))]
version, sha256, link = max(found)
data = urllib.request.urlopen(link, timeout=120).read()
if hashlib.sha256(data).hexdigest() != sha256:
    sys.exit("the pip that came is not the one the index promised")
name = os.path.join(sys.argv[1], link.rsplit("/", 1)[1].split("#")[0])
with open(name, "wb") as file:
    file.write(data)
print(name)
PYTHON
}

make_venv() { # directory: an environment with pip, by whatever this machine has
    python=$(find_python)
    [ -n "$python" ] || fail "there is no Python 3.11 or newer on PATH" "" \
        "install one, e.g. on Debian 12 or Ubuntu 24.04: apt-get install python3 python3-venv"
    mkdir -p -- "$(dirname -- "$1")"
    if "$python" -c 'import ensurepip, venv' 2>/dev/null && "$python" -m venv -- "$1" >/dev/null 2>&1; then
        return
    fi
    rm -rf -- "$1"
    if "$python" -m virtualenv --version >/dev/null 2>&1 && "$python" -m virtualenv -q "$1"; then
        return
    fi
    if "$python" -m venv --without-pip -- "$1" 2>/dev/null; then
        # A pip outside of it can install into it (pip >= 22.3).
        if "$python" -m pip --python "$1/bin/python" install -q --no-cache-dir pip >/dev/null 2>&1; then
            return
        fi
        if wheel=$(pip_from_index "$1/bin/python" "$1" 2>/dev/null) &&
            "$1/bin/python" "$wheel/pip" install -q --no-cache-dir --no-index "$wheel" >/dev/null 2>&1; then
            rm -f -- "$wheel"
            return
        fi
    fi
    rm -rf -- "$1"
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    fail "$python cannot make an environment" \
        "its modules venv and ensurepip are missing, and neither pip, virtualenv nor a package index helped" \
        "as root: apt-get install python3-venv   (or python$version-venv), then run this again"
}

# -- where the command goes

choose_bin() { # a directory on PATH if there is one we may write to
    if [ -n "$for_all" ]; then
        printf '%s\n' /usr/local/bin
        return
    fi
    set -- "$HOME/.local/bin" "$HOME/bin"
    [ "$(id -u)" -ne 0 ] || set -- "$@" /usr/local/bin
    for directory in "$@"; do
        if on_path "$directory"; then
            if [ -d "$directory" ] && [ -w "$directory" ]; then
                printf '%s\n' "$directory"
                return
            fi
            if [ ! -e "$directory" ] && [ "$directory" != "$HOME/bin" ]; then
                printf '%s\n' "$directory"
                return
            fi
        fi
    done
    printf '%s\n' "$HOME/.local/bin"
}

is_ours() { # also what root once installed into the own home
    [ -L "$1" ] || return 1
    case $(readlink -- "$1") in
    "$data/bin/git-mlvc" | "$at_home/bin/git-mlvc") return 0 ;;
    *) return 1 ;;
    esac
}

make_dir() { # remembers what did not exist, for --uninstall; outermost last
    [ -d "$1" ] && return
    missing=$1
    new=
    while [ ! -d "$missing" ]; do
        new="$new$missing
"
        missing=$(dirname -- "$missing")
    done
    mkdir -p -- "$1"
    printf '%s' "$new" >>"$made"
}

write_manual() { # `git mlvc --help` is git's to answer: it asks for a manual page
    page=$data/git-mlvc.1
    {
        say '.TH GIT-MLVC 1'
        say '.SH NAME'
        say 'git-mlvc \- plain git for data and models'
        say '.SH HELP'
        say '.nf'
        COLUMNS=78 "$launcher" -h | sed -e 's/\\/\\e/g' -e "s/^[.']/\\\\\&&/" -e 's/-/\\-/g'
    } >"$page"
    manuals=$(dirname -- "$bin")/share/man/man1
    if [ -w "$manuals" ] || [ ! -e "$manuals" ]; then
        make_dir "$manuals"
        [ -e "$manuals/git-mlvc.1" ] || ln -sf -- "$page" "$manuals/git-mlvc.1"
    fi
}

tell_the_others() { # root's git configuration is root's alone, and a Python in root's home as well
    PATH=$PATH:/usr/sbin:/sbin
    if command -v runuser >/dev/null 2>&1 && id nobody >/dev/null 2>&1 &&
        ! (cd / && runuser -u nobody -- "$launcher" version) >/dev/null 2>&1; then
        say "other users cannot run it: $(readlink -f -- "$venv/bin/python") or $data is closed to them"
    else
        say "every user of this machine can run it; each tells the own git with: git mlvc install"
    fi
}

# -- the verbs of this script

install() {
    [ -z "$for_all" ] || umask 022
    command -v git >/dev/null 2>&1 || fail "git is not on PATH" "" "apt-get install git"
    [ -f "$here/pyproject.toml" ] || fail "$here is not a checkout of git-mlvc"
    before=
    directory=$data
    while [ ! -d "$directory" ]; do
        before="$before$directory
"
        directory=$(dirname -- "$directory")
    done
    mkdir -p -- "$data/bin" || fail "cannot write to $data"
    [ -z "$before" ] || printf '%s' "$before" >>"$made"
    bin=$(choose_bin)
    target=$bin/git-mlvc
    if { [ -e "$target" ] || [ -L "$target" ]; } && ! is_ours "$target"; then
        fail "$target is there already and was not made by this script" "" \
            "remove it (or the package it belongs to), then run this again"
    fi
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        rm -rf -- "$venv"
        make_venv "$venv"
    fi
    # A copy: building writes beside its source, and a checkout may be read-only or somebody else's.
    copy=$(mktemp -d "${TMPDIR:-/tmp}/git-mlvc-install.XXXXXX")
    trap 'rm -rf -- "$copy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    for part in pyproject.toml README.md LICENSE git_mlvc; do
        cp -R -- "$here/$part" "$copy/"
    done
    chmod -R u+rwX -- "$copy"
    say "installing into $venv"
    if ! "$venv/bin/python" -m pip install --quiet --no-cache-dir --no-warn-script-location \
        --upgrade "$copy" >"$copy/pip.log" 2>&1; then
        cat -- "$copy/pip.log" >&2
        fail "pip could not install git-mlvc and what it needs" "see its words above" \
            "no network? give pip a mirror or a directory of wheels: PIP_INDEX_URL=… or PIP_FIND_LINKS=… ./install.sh"
    fi
    cat >"$data/launch.py" <<'PYTHON'
"""Starts git-mlvc for the launcher beside it, by whose name git will call it."""
import sys

sys.argv[0] = __file__[: -len("launch.py")] + "bin/git-mlvc"
from git_mlvc.cli.main import entry

entry()
PYTHON
    # Not a `#!` line with the interpreter: those allow neither spaces nor long paths.
    {
        say '#!/bin/sh'
        say "exec $(quoted "$venv/bin/python") -I $(quoted "$data/launch.py") \"\$@\""
    } >"$launcher.new"
    chmod 755 -- "$launcher.new"
    mv -f -- "$launcher.new" "$launcher"
    version=$("$launcher" version) || fail "the installed program does not start" "" "run $launcher version"
    make_dir "$bin"
    ln -sf -- "$launcher" "$target"
    write_manual
    gitconfig=${GIT_CONFIG_GLOBAL:-$HOME/.gitconfig}
    [ -e "$gitconfig" ] || say "$gitconfig" >>"$made"
    "$launcher" install
    say "installed $version as $target"
    [ -z "$for_all" ] || tell_the_others
    if ! on_path "$bin"; then
        say "$bin is not on your PATH; add this line to ~/.profile and log in again:"
        say "  export PATH=$(quoted "$bin"):\"\$PATH\""
    fi
}

uninstall() { # root may have installed for everybody, and once into the own home
    found=
    for data in "$data" "$at_home"; do
        if [ -d "$data" ]; then
            found=yes
            remove
        fi
    done
    [ -n "$found" ] || say "nothing to remove: $data does not exist"
}

remove() {
    launcher=$data/bin/git-mlvc
    if ! "$launcher" uninstall 2>/dev/null; then
        for section in filter.mlvc merge.mlvc diff.mlvc; do
            git config --global --remove-section "$section" 2>/dev/null || :
        done
    fi
    for directory in "$HOME/.local/bin" "$HOME/bin" /usr/local/bin; do
        manual=$(dirname -- "$directory")/share/man/man1/git-mlvc.1
        if [ -L "$manual" ] && [ "$(readlink -- "$manual")" = "$data/git-mlvc.1" ]; then
            rm -f -- "$manual"
        fi
        if [ -L "$directory/git-mlvc" ] && [ "$(readlink -- "$directory/git-mlvc")" = "$launcher" ]; then
            rm -f -- "$directory/git-mlvc"
            say "removed $directory/git-mlvc"
        fi
    done
    paths=$(cat -- "$data/made" 2>/dev/null || :)
    rm -rf -- "$data"
    say "removed $data"
    # What we made and nobody has used since: empty directories, an empty git configuration.
    printf '%s\n' "$paths" | sort -r | while IFS= read -r path; do
        [ -n "$path" ] || continue
        if [ -d "$path" ]; then
            rmdir -- "$path" 2>/dev/null || :
        elif [ -f "$path" ] && [ ! -s "$path" ]; then
            rm -f -- "$path"
        fi
    done
}

case $action in
uninstall)
    uninstall
    exit 0
    ;;
venv)
    [ -n "${2:-}" ] || fail "--venv needs a directory"
    make_venv "$2"
    exit 0
    ;;
help)
    sed -n '2,10p' -- "$here/install.sh" | sed 's/^# \{0,1\}//'
    exit 0
    ;;
esac
install
if [ -n "$demo" ]; then
    PATH=$bin:$PATH
    git mlvc demo
fi
