import pytest

from lib import paths, schema

KEYS = {
    "problems": ("problem_id",),
    "updates": ("problem_id", "update_id"),
    "traces": ("trace_id",),
    "continuations": ("continuation_id",),
    "grades": ("row_id",),
    "labels": ("model", "continuation_id"),
    "judgements": ("continuation_id", "rubric", "criterion", "draw"),
}


def test_tables_and_their_keys():
    assert {name: table.key for name, table in schema.TABLES.items()} == KEYS


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda table: table.name)
def test_every_table_is_sound(table):
    names = table.names()
    assert len(set(names)) == len(names)
    assert tuple(names[: len(table.key)]) == table.key, "the key stands first"
    assert table.arrow().names == names == list(schema.glossary(table.name)["column"])
    for column in table.columns:
        assert column.type in schema.ARROW
        assert table.arrow().field(column.name).nullable == (column.name not in table.key)


def test_a_column_of_one_name_has_one_type():
    types: dict[str, set[str]] = {}
    for table in schema.TABLES.values():
        for column in table.columns:
            types.setdefault(column.name, set()).add(column.type)
    assert {name: kinds for name, kinds in types.items() if len(kinds) > 1} == {}


def test_paths_follow_the_outputs_variable(outputs):
    assert paths.tables("tiny") == outputs / "tiny" / "tables"
    assert paths.tables("tiny", "tiny-lrm-s") == outputs / "tiny" / "tables" / "tiny-lrm-s"
    assert paths.notebooks("tiny", "tiny-lrm-s") == outputs / "tiny" / "notebooks" / "tiny-lrm-s"
    assert paths.summary("tiny") == outputs / "tiny" / "summary"
    assert paths.figures("tiny") == outputs / "tiny" / "figures"
    assert not any(outputs.iterdir()), "asking for a path makes no folder"


def test_outputs_lie_in_the_project_by_default(monkeypatch):
    monkeypatch.delenv(paths.OUTPUTS_VARIABLE, raising=False)
    assert paths.outputs() == paths.ROOT / "outputs"
