"""Generators of other packages are found by their names."""

from types import SimpleNamespace

import pytest

from splatsmith.base.errors import InputError
from splatsmith.complete.proxies import sources


class Theirs:
    """A generator of another package."""


def test_one_that_is_installed_is_made(monkeypatch):
    point = SimpleNamespace(name="theirs", load=lambda: Theirs)
    monkeypatch.setattr(
        sources.metadata, "entry_points", lambda group: [point] if group == "splatsmith.proxies" else []
    )
    assert isinstance(sources.foreign_generator("theirs"), Theirs)


def test_one_that_is_not_there_is_named_with_those_that_are(monkeypatch):
    point = SimpleNamespace(name="theirs", load=lambda: Theirs)
    monkeypatch.setattr(sources.metadata, "entry_points", lambda group: [point])
    with pytest.raises(InputError) as caught:
        sources.foreign_generator("hullsim")
    assert "one of hullsym, user, trellis, sam3d, theirs" in str(caught.value)
