"""A manifest lists a folder's files as they were when it was written."""

import pytest

from splatsmith.base.manifest import MANIFEST_NAME, fault, read_manifest, remove_manifest, write_manifest

NAMES = ["b.txt", "ä/c d.txt"]


@pytest.fixture
def folder(tmp_path):
    """Two files, one of them in a folder below, and their manifest."""
    (tmp_path / "ä").mkdir()
    for name in NAMES:
        (tmp_path / name).write_text(name)
    write_manifest(tmp_path, NAMES)
    return tmp_path


def test_what_was_written_is_as_it_is_listed(folder):
    listed = read_manifest(folder)
    assert list(listed) == NAMES
    assert [fault(folder, name, listed) for name in NAMES] == [None, None]


def test_the_order_of_the_names_does_not_count(folder):
    before = (folder / MANIFEST_NAME).read_bytes()
    write_manifest(folder, reversed(NAMES))
    assert (folder / MANIFEST_NAME).read_bytes() == before


def test_what_changed_is_missing_or_is_not_listed_has_a_fault(folder):
    listed = read_manifest(folder)
    (folder / NAMES[0]).write_text("other")
    (folder / NAMES[1]).unlink()
    (folder / "new.txt").touch()
    bytes_differ = "its bytes are not those that the manifest lists"
    found = [fault(folder, name, listed) for name in (*NAMES, "new.txt")]
    assert found == [bytes_differ, "the file is missing", bytes_differ]


def test_without_a_manifest_the_results_are_not_there(folder):
    remove_manifest(folder)
    remove_manifest(folder)
    with pytest.raises(FileNotFoundError):
        read_manifest(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}'])
def test_another_file_is_no_manifest(folder, text):
    (folder / MANIFEST_NAME).write_text(text)
    with pytest.raises(ValueError, match=r"."):
        read_manifest(folder)
