"""JSON and YAML from anybody: text, lists and mappings come out, or an InputError, at once."""

import pytest

from splatsmith.base.errors import InputError
from splatsmith.scenes.documents import read_json, read_yaml


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 50_000, "recursion"),
        ("- " * 3000, "recursion"),
        ("a: &x [1]\nb: *x", "aliases are not allowed at line 2, column 4"),
        ("a: 1\na: 2", "the key `a` is given twice at line 2, column 1"),
        ("? [a]\n: b", "a key is not text at line 1, column 3"),
        ("a: b\n---\nc: d", "another document at line 2, column 1"),
        ("a: [", "line 1, column 5"),
        ("a: \x00", "not allowed"),
    ],
)
def test_yaml_that_is_refused(tmp_path, text, message):
    (tmp_path / "a.yml").write_text(text)
    with pytest.raises(InputError, match="not valid YAML") as error:
        read_yaml(tmp_path / "a.yml")
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 10_000, "", "{'a': 1}", '{"a": 1'])
def test_json_that_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match="not valid JSON"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_files_that_are_no_text(tmp_path, read):
    (tmp_path / "a").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "a", tmp_path / "none", tmp_path):
        with pytest.raises(InputError):
            read(path)


def test_yaml_s_scalars_stay_text_and_its_tags_do_nothing(tmp_path):
    (tmp_path / "a.yml").write_text(
        "\ufeffa: 0001\nb: [no, 1e3, ~, 2024-01-01]\nc: !!python/object/apply:os.abort []\n"
    )
    assert read_yaml(tmp_path / "a.yml") == {"a": "0001", "b": ["no", "1e3", "~", "2024-01-01"], "c": []}
