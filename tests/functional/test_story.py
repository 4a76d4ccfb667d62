"""The shell script that a new user would write: plain git commands, and the right bytes at each step."""

from support.extent import further
from support.repo import Machine

STORY = """
set -e
git init -q -b main project && cd project
git mlvc init >/dev/null
git mlvc track '*.bin' >/dev/null
head -c 3000000 /dev/urandom >model.bin && echo 'print(1)' >train.py
git add . && git commit -q -m 'first' && cp model.bin ../first
head -c 300000 /dev/urandom | dd of=model.bin bs=1 seek=900000 conv=notrunc 2>/dev/null
git commit -q -a -m 'second' && cp model.bin ../second
git init -q --bare ../origin.git && git remote add origin ../origin.git
git push -q -u origin main
cd .. && git clone -q origin.git clone && cd clone
cmp model.bin ../second
git checkout -q HEAD~1 && cmp model.bin ../first
git checkout -q -b idea && echo 'print(2)' >>train.py && git commit -q -a -m 'idea'
git rebase -q main && cmp model.bin ../second
echo more >>model.bin && git stash -q && cmp model.bin ../second
git stash pop -q && ! cmp -s model.bin ../second
git reset -q --hard main && cmp model.bin ../second
git reset -q --hard HEAD~1 && cmp model.bin ../first
test -z "$(git status --porcelain)"
"""


def test_the_main_job_is_done_with_plain_git_commands_alone(machine: Machine) -> None:
    machine.run("sh", "-c", STORY)


@further("test_the_main_job_is_done_with_plain_git_commands_alone")
def test_and_so_it_is_where_every_file_is_large(machine: Machine) -> None:
    machine.config("mlvc.inlineLimit", "1MiB").run("sh", "-c", STORY)
