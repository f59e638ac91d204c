"""Cores are those of the process, not of the machine."""

import os

import pytest

from splatsmith.base.cores import usable_cores


def test_a_limit_on_the_process_counts(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable_cores() == 2


@pytest.mark.parametrize(("counted", "cores"), [(64, 64), (None, 1)])
def test_where_there_are_no_limits_all_count(monkeypatch, counted, cores):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cores() == cores
