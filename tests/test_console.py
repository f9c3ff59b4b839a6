"What the command says: help at every level, examples that are commands, one sentence of refusal."

import re
import shlex
import sys

import numpy as np
import pytest
from PIL import Image

from illures_nb.cli import COMMANDS, main, parser, respelled
from illures_nb.cli.arguments import join_angles


def levels():
    "Every command and sub-command: its words and the command."
    for name, command in COMMANDS.items():
        yield (name,), command
        for part, under in command.commands().items():
            yield (name, part), under


def test_every_level_has_help_that_teaches(illures):
    for words, _ in levels():
        code, out, err = illures(*words, "--help")
        line = "illures " + " ".join(words)
        assert code == 0 and not err and out.startswith(f"usage: {line} "), words
        assert "example" in out and f"\n  {line}" in out, words


def test_help_lists_every_sub_command(illures):
    for name, command in COMMANDS.items():
        _, out, _ = illures(name, "--help")
        assert all(re.search(rf"^  {part}  ", out, re.M) for part in command.commands()), name


def test_lines_of_help_are_not_too_wide():
    for words, command in levels():
        wide = [line for line in command.notes.splitlines() if len(line) > 100]
        assert not wide, words


def examples():
    "Every example that the help shows, as words after `illures`."
    for _, command in levels():
        text = re.sub(r" *\\\n +", " ", command.notes)
        for line in re.findall(r"^  (?:illures|accelerate .* illures_nb.cli) (\S.*)", text, re.M):
            words = re.split(r"  +", line)[0]  # a comment stands behind a gap
            yield pytest.param(words, id=words)


@pytest.mark.parametrize("line", list(examples()))
def test_examples_of_help_are_commands(line, monkeypatch):
    "Each is parsed; files of lights and backgrounds are not read."
    monkeypatch.setattr("illures_nb.cli.photos.SHLight.parse", lambda text: text)
    monkeypatch.setattr("illures_nb.cli.photos.read_image", lambda text: text)
    args = parser().parse_args(join_angles(shlex.split(line)))
    assert args.command == line.split()[0] and callable(args.run)


def test_old_spellings_go_on_with_a_hint(capsys):
    new = respelled(["train", "lite", "--data", "pool"])
    assert new == ["train", "stage1b", "--preset", "lite", "--data", "pool"]
    assert capsys.readouterr().err.count("illures train stage1b --preset lite") == 1
    today = ["train", "stage1b", "--data", "pool"]
    assert respelled(today) == today and not capsys.readouterr().err


def test_options_stand_where_they_belong(illures):
    for words, option, belongs in (
        (("train", "stage1b"), "--blind", False),
        (("train", "align-albedo"), "--blind", True),
        (("train", "align-albedo"), "--preset", False),
        (("train", "stage2"), "--scale", False),
        (("train", "ablations"), "--scale", True),
        (("synth", "sfsnet-syn"), "--spp", False),
        (("synth", "expre-syn"), "--spp", True),
        (("evaluate", "yale"), "--most", False),
        (("evaluate", "wild"), "--most", True),
    ):
        assert (option in illures(*words, "--help")[1]) == belongs, words


def test_python_m_is_the_same_command(monkeypatch, capsys):
    import runpy

    monkeypatch.setattr(sys, "argv", ["illures", "--version"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("illures_nb.cli", run_name="__main__")
    assert capsys.readouterr().out.startswith("illures ")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    "A set that is damaged, a folder that is none, a clip and a photo."
    work = tmp_path_factory.mktemp("work")
    toy = ["--scale", ".0005", "--size", "64", "--workers", "0"]
    assert main(["synth", "sfsnet-syn", "--out", str(work / "toy"), *toy]) == 0
    shard = work / "toy/shard-00000.tar"
    shard.write_bytes(shard.read_bytes()[:9000])
    (work / "old.npz").write_bytes(b"PK not an archive")
    for folder in ("maps", "clips", "twin"):
        (work / folder).mkdir()
    (work / "maps/light.json").write_text("{}")
    (work / "clips/letter.mp4").write_text("Dear Sir,")
    Image.fromarray(np.full((90, 60, 3), 90, np.uint8)).save(work / "twin/wall.png")
    return work


@pytest.mark.parametrize(
    "line",
    [
        "synth sfsnet-syn",
        "synth sfsnet-syn --out x --scale many",
        "synth sfsnet-syn --out HERE/set --kit HERE/nowhere",
        "synth bfm --out x",
        "synth verify",
        "synth verify HERE/toy",
        "synth verify HERE/maps",
        "synth caric-syn --out HERE/toy",
        "synth caric-syn --out HERE/set --envs HERE/old.npz",
        "synth caric-syn --out HERE/set --assets HERE/maps",
        "assets check",
        "assets import --out x",
        "assets import --out HERE/a --ict HERE/maps",
        "train stage1b --data HERE --out HERE/run",
        "train stage9 --data HERE --out HERE/run",
        "videos",
        "videos HERE/maps --out HERE/x",
        "videos HERE/gone --out HERE/x",
        "photos HERE/toy/none --out HERE/x",
        "videos HERE/clips --out HERE/x --held somebody",
        "photos HERE/twin --out HERE/x --landmarks given",
        "evaluate",
        "evaluate yale",
        "evaluate yale HERE/maps HERE/twin",
        "evaluate align HERE/maps",
        "evaluate wild HERE/maps --most 0",
    ],
)
def test_what_makes_no_sense_is_a_sentence(line, work, illures):
    code, out, err = illures(*line.replace("HERE", str(work)).split())
    last = err.splitlines()[-1]
    assert code in (1, 2) and last.count(" ") > 3 and "Traceback" not in err and not out
