"""A wrong input ends a program with its message and nothing else; our own bug keeps its traceback."""

import pytest

from splatsmith.base.command import run, script_parser
from splatsmith.base.errors import InputError, Problem

PROBLEM = Problem("the image is truncated", "images/a.png", "copy it again")


def leave(main, capsys) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        run(main)
    return left.value.code, capsys.readouterr().err


def test_success_is_zero(capsys):
    assert leave(lambda: None, capsys) == (0, "")


def test_a_main_may_choose_its_code(capsys):
    assert leave(lambda: 3, capsys) == (3, "")


def test_a_wrong_input_is_one_message(capsys):
    def main():
        raise InputError(PROBLEM, PROBLEM)

    assert leave(main, capsys) == (1, f"{PROBLEM}\n{PROBLEM}\n")


def test_ctrl_c_is_no_traceback(capsys):
    def main():
        raise KeyboardInterrupt

    assert leave(main, capsys) == (130, "interrupted\n")


def test_our_own_bug_passes_through():
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)


def test_scripts_share_their_options():
    arguments = script_parser("Train.").parse_args(["--config", '{"steps": 3}', "--threads", "2"])
    assert (arguments.config, arguments.threads) == ('{"steps": 3}', 2)
    assert script_parser("Train.").parse_args([]).config == "{}"
