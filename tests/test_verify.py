"""Results are as they were written, or the damaged file and the stage to redo are named."""

import pytest

from splatsmith.base.errors import InputError
from splatsmith.base.files import write_bytes, write_json
from splatsmith.base.manifest import write_manifest
from splatsmith.verify import verified


@pytest.fixture
def results(tmp_path):
    """Of two scenes, with a stage one folder deep and one two folders deep."""
    for scene in ("fox", "a-table"):
        for place, stage in (("scene", "prepare_scene"), ("edits/no-mug", "edit_scene")):
            folder = tmp_path / "results" / scene / place
            for name in ("a.txt", "images/b c.png"):
                write_bytes(folder / name, f"{scene} {place} {name}".encode())
            write_json(folder / "stage.json", {"stage": stage})
            write_manifest(folder, ["images/b c.png", "a.txt"])
    return tmp_path / "results"


def problems(results) -> list[tuple[str, str | None, str]]:
    """Place, what was found and remedy of every problem."""
    return [
        (problem.where.removeprefix(f"{results}/"), problem.got, problem.fix)
        for folder in verified(results)
        for problem in folder.problems
    ]


def test_what_was_written_is_verified_however_much_of_it_is_named(results):
    assert problems(results) == []
    counts = [len(list(verified(folder))) for folder in (results, results / "fox", results / "fox" / "scene")]
    assert counts == [4, 2, 1]
    assert {folder.files for folder in verified(results)} == {2}


def test_every_damaged_file_is_named_with_its_stage_and_scene(results):
    (results / "fox/scene/a.txt").write_bytes(b"fox scene b.txt")
    (results / "fox/scene/images/b c.png").unlink()
    (results / "a-table/edits/no-mug/a.txt").write_bytes(b"")
    bytes_differ = "its bytes are not those that the manifest lists"
    assert sorted(problems(results)) == [
        ("a-table/edits/no-mug/a.txt", bytes_differ, "./run redo edit_scene a-table"),
        ("fox/scene/a.txt", bytes_differ, "./run redo prepare_scene fox"),
        ("fox/scene/images/b c.png", "the file is missing", "./run redo prepare_scene fox"),
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"a.txt": 3}', "\udcff"])
def test_a_manifest_that_is_none_is_a_problem(results, text):
    (results / "fox/scene/manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    ((where, _, fix),) = problems(results)
    assert (where, fix) == ("fox/scene/manifest.json", "./run redo prepare_scene fox")


def test_a_folder_without_a_record_is_named_itself(results):
    (results / "fox/scene/stage.json").unlink()
    (results / "fox/scene/a.txt").unlink()
    assert problems(results)[0][2] == "redo the stage that writes scene/: ./run redo STAGE"


def test_hidden_folders_are_no_results(results):
    write_bytes(results / "fox/.resume/manifest.json", b"{")
    assert problems(results) == []


def test_where_there_are_no_results_it_says_so(tmp_path):
    with pytest.raises(InputError, match="there are no results"):
        list(verified(tmp_path / "none"))
