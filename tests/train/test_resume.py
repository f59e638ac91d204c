"""Checkpoints: what is saved comes back; what is not sound, or not ours, does not."""

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.train.resume import Checkpoint, run_key

CPU = torch.device("cpu")
STATE = {"step": 7, "fields": {"means": {"value": torch.rand(50, 3), "step": torch.tensor(3.0)}}, "rows": {}}


@pytest.fixture
def saved(tmp_path) -> Checkpoint:
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save(STATE)
    return checkpoint


def test_a_state_comes_back(saved):
    state, word = saved.load(CPU)
    assert torch.equal(state["fields"]["means"]["value"], STATE["fields"]["means"]["value"])
    assert state["step"] == 7
    assert "resuming from step 7" in word


def test_there_may_be_none(tmp_path):
    assert Checkpoint(tmp_path / "nowhere", "key").load(CPU) == (None, "no checkpoint: starting from the beginning")


def test_another_key_is_another_run(saved, tmp_path):
    state, word = Checkpoint(tmp_path, "other").load(CPU)
    assert state is None
    assert "another configuration or scene" in word


def test_a_finished_run_leaves_nothing(saved, tmp_path):
    saved.remove()
    saved.remove()
    assert list(tmp_path.iterdir()) == []


@given(data=st.data())
def test_damage_is_noticed_or_harmless(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damage")
    checkpoint = Checkpoint(folder, "key")
    checkpoint.save(STATE)
    path = folder / "checkpoint.pt"
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    state, word = checkpoint.load(CPU)
    if state is None:
        assert "starting from the beginning" in word
    else:
        assert torch.equal(state["fields"]["means"]["value"], STATE["fields"]["means"]["value"])
        assert state["step"] == 7


class Malice:
    """Would run code if it were unpickled."""

    def __reduce__(self):
        return eval, ("__import__('os').environ.__setitem__('SPLATSMITH_PWNED', '1')",)


def test_a_checkpoint_that_carries_code_is_damaged(tmp_path, monkeypatch):
    monkeypatch.delenv("SPLATSMITH_PWNED", raising=False)
    torch.save({"key": "key", "digest": "", "state": Malice()}, tmp_path / "checkpoint.pt")
    state, word = Checkpoint(tmp_path, "key").load(CPU)
    assert state is None
    assert "damaged" in word
    import os

    assert "SPLATSMITH_PWNED" not in os.environ
    (tmp_path / "checkpoint.pt").write_bytes(pickle.dumps({"key": "key"}))
    assert Checkpoint(tmp_path, "key").load(CPU)[0] is None


def test_a_key_tells_settings_apart_and_nothing_else():
    assert run_key(config={"a": 1, "b": 2}) == run_key(config={"b": 2, "a": 1})
    assert run_key(config={"a": 1}) != run_key(config={"a": 2})
