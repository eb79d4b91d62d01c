from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scanflow_actors import __version__
from scanflow_actors.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_help_of_the_demo_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "mnist", "--help"])
    assert ended.value.code == 0
    assert "examples:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "mnist", "--windows", "2"], "must be at least 3"),
        (["demo", "mnist", "--corruption", "rain"], "choose from 'brightness'"),
        (["demo", "mnist", "--label-budget", "-1"], "must be at least 0"),
        (["demo", "mnist", "--hour", "0"], "more than 0 seconds"),
        (["demo"], "required: NAME"),
        (["nonsense"], "invalid choice"),
    ],
)
def test_a_wrong_argument_ends_with_2_and_says_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_missing_data_folder_ends_with_2_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "nothing-here"
    options = ["--digits", "full", "--digits-folder", str(missing), "--out", str(tmp_path / "out")]
    assert main(["demo", "mnist", *options]) == 2
    said = capsys.readouterr().err
    assert str(missing) in said
    assert "npm" in said
    assert not missing.exists()


def test_an_impossible_output_folder_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert main(["demo", "mnist", "--out", str(blocked)]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_missing_folder_for_the_record_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "mnist", "--json", str(tmp_path / "no" / "result.json")]) == 2
    assert "--json" in capsys.readouterr().err
