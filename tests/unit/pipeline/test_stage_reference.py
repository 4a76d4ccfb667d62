"""The examples in docs/reference/stage-file.md are stage files, and name every key."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import tomli

from git_mlvc.pipeline.files import OnDisk
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.parameters.params import ParamsReader
from git_mlvc.pipeline.stage_files import out_entries, stage_file, stage_table

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "stage-file.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
PARAMS = [block for block in BLOCKS if block.startswith("# params.toml")]
EXAMPLES = [block for block in BLOCKS if block not in PARAMS]
SCHEMA = json.loads(
    (resources.files("git_mlvc.pipeline.stage_files") / "schema.json").read_text("utf-8")
)


def stages(folder: Path, text: str) -> dict[str, Stage]:
    (folder / "params.toml").write_text(PARAMS[0])
    made = stage_file.parse(text.encode(), None, ParamsReader(OnDisk(folder)))
    return {stage.name: stage for stage in made}


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_stage_file_for_parser_and_schema(tmp_path: Path, text: str) -> None:
    assert stages(tmp_path, text)
    jsonschema.validate(tomli.loads(text), SCHEMA)


def test_every_key_has_an_example() -> None:
    keys = set()
    for text in EXAMPLES:
        for table in tomli.loads(text)["stage"].values():
            keys |= table.keys()
            for which in ("outs", "metrics", "plots"):
                for out in table.get(which, []):
                    keys |= set(out) if isinstance(out, dict) else set()
    known = {*stage_table.STAGE_KEYS, *out_entries.METRIC_KEYS, *out_entries.PLOT_KEYS}
    assert keys == known


def test_the_examples_give_what_their_comments_say(tmp_path: Path) -> None:
    made: dict[str, Stage] = {}
    for text in EXAMPLES:
        made |= stages(tmp_path, text)
    assert {"clean@data_a.csv", "clean@data_b.csv", "index@de", "index@en", "test@0"} <= set(made)
    assert {"train@cnn-0.1", "train@mlp-0.01"} <= set(made)
    words = made["words"]
    assert words.commands[0].endswith("""--verbose 'two words' --note 'it'"'"'s fine'""")
    assert (len(words.deps), words.timeout_s, words.is_frozen) == (2, 5400.0, True)
    assert made["home"].commands == ('cp "${HOME}/.config/x" x',)
    assert made["report"].commands == (
        "python src/report.py --epochs 10 --width 64 > build/report.txt",
    )
