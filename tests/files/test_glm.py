"""Models of GridLAB-D as text: blocks, ranges, nested objects, macros and includes, and faults by their line."""

import pytest

from gridagora.files.glm import list_glm_files, read_glm


@pytest.fixture
def read(tmp_path):
    def write(text, **others):
        for name, other in others.items():
            (tmp_path / f"{name}.glm").write_text(other, encoding="utf-8")
        (tmp_path / "model.glm").write_text(text, encoding="utf-8")
        return read_glm(tmp_path / "model.glm")

    return write


def values(each):
    return {key: value for key, (value, _) in each.values.items()}


def test_an_object_has_its_class_name_properties_and_lines(read):
    model = read('// a remark; { }\nobject powerflow.node:7 {\n\tname "a b"; Phases ABCN;\n}\n')
    (node,) = model.objects
    assert (node.kind, node.name, node.line) == ("node", "a b", 2)
    assert node.values == {"name": ("a b", 3), "phases": ("ABCN", 3)}
    assert not model.faults


@pytest.mark.parametrize(
    "text",
    [
        "object load { name l; phases A;}",
        "object load { name l; phases A; };",
        "object load {name l;phases A};",
        'object load\n{\nname l; /* x;\n} */ phases "A"; // }\n}',
        "#ifdef NOPE\nobject load { name k; }\n#else\nobject load { name l;\n#endif\nphases A;}",
    ],
)
def test_blocks_may_end_in_many_ways(read, text):
    (load,) = read(text).objects
    assert (load.name, values(load)["phases"]) == ("l", "A")


def test_ranges_of_one_class_follow_one_another(read):
    model = read("object load:..2 { phases A; }\nobject load:..2 { phases B; }\nobject load { }")
    assert [each.name for each in model.objects] == [f"load:{at}" for at in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("named", ["", "name k; "])
def test_each_object_of_a_range_has_those_inside_it(read, named):
    """GridLAB-D 6.0.0 makes three houses with a tank each of such a text."""
    inside = "object waterheater { object meter { phases A; }; }; object lamp { name x; };"
    model = read(f"object house:..3 {{ {named}parent t; {inside} }}\nobject node {{ }}")
    kinds = [each.kind for each in model.objects]
    assert kinds == ["meter", "waterheater", "lamp", "house"] * 3 + ["node"]
    names = {each.name: each.kind for each in model.objects}
    assert len(names) == 13
    for each in model.objects[:-1]:
        if each.kind != "house":
            wanted = "waterheater" if each.kind == "meter" else "house"
            assert names[each.values["parent"][0]] == wanted
    assert {each.values["parent"][0] for each in model.objects if each.kind == "house"} == {"t"}
    parents = [each.values["parent"][0] for each in model.objects if each.kind == "waterheater"]
    assert parents == [each.name for each in model.objects if each.kind == "house"]


def test_ranges_make_objects_and_those_without_name_are_numbered(read):
    model = read("object load:..3 { phases A; }\nobject load:10..12 { }\nobject node { }")
    names = [each.name for each in model.objects]
    assert names == ["load:1", "load:2", "load:3", "load:10", "load:11", "load:12", "node:1"]


def test_an_object_inside_another_has_it_as_parent_or_as_value(read):
    model = read(
        "object transformer {\n name t;\n configuration object transformer_configuration {\n"
        "  name c; power_rating 25;\n };\n object recorder { file x.csv; };\n}"
    )
    by_name = {each.kind: each for each in model.objects}
    assert values(by_name["transformer"])["configuration"] == "c"
    assert values(by_name["recorder"])["parent"] == "t"
    assert "parent" not in by_name["transformer_configuration"].values
    inner = read("object house {\n object waterheater { tank_volume 50; };\n}")
    assert values(inner.objects[0])["parent"] == inner.objects[1].name == "house:1"


def test_macros_conditions_and_includes_are_followed(read):
    model = read(
        '#define KV=7200\n#set x="2"\n#include "part.glm"\n#if x == 2\nobject node { '
        "nominal_voltage ${KV}; }\n#endif\n#if x > 2\nobject load { }\n#endif\n#include <part.glm>\n",
        part="object meter { name m; }\n",
    )
    assert [each.kind for each in model.objects] == ["meter", "node"]
    assert values(model.objects[1])["nominal_voltage"] == "7200"
    assert (model.objects[0].file, model.objects[0].line) == (1, 1)
    (again,) = model.faults
    assert (again.line, again.got) == (10, "#include part.glm once more")
    assert [path.name for path in list_glm_files(model.files[0])] == ["model.glm", "part.glm"]


def test_what_stands_beside_objects_is_counted(read):
    model = read(
        "clock { timezone CST6CDT; starttime '2000-01-01 0:00:00'; }\nmodule tape;\n"
        "module powerflow { line_capacitance TRUE; solver_method NR; };\n"
        "schedule heat { summer { * 1-5 * * * 70; } winter { * * * * * 65; } }\nclass a { double b; }\n"
        "script on_exit x;\n"
    )
    assert model.left_out == {"schedule": 1, "class": 1, "script": 1}
    assert model.modules["powerflow"]["line_capacitance"] == ("TRUE", 3)
    assert "tape" in model.modules and not model.objects


@pytest.mark.parametrize(
    ("text", "line", "got"),
    [
        ("object node {\n name a;\n x ${NOPE};\n}", 3, "${NOPE}"),
        ("object node {\n name a\n phases A;\n}", 2, "'name a' without its end"),
        ("object node {\n name a;\n", 1, "'object node' without its end"),
        ("object node { name a; }\n}\n", 2, "'}'"),
        ("\nobject a b {\n}", 2, "'object a b'"),
        ("object load:5..2 { }", 1, "'object load:5..2'"),
        ('#include "no.glm"\n', 1, "#include no.glm"),
        ("#if a\n#endif", 1, "#if a"),
        ("#ifdef A\n", 1, "a condition without #endif"),
        ("#endif\n", 1, "#endif"),
        ("#start now\n", 1, "#start"),
        ("object node {\n name a;\n = 3;\n}", 3, "'= 3'"),
    ],
)
def test_what_is_not_understood_is_told_by_its_line(read, text, line, got):
    (fault,) = read(text).faults
    assert (fault.line, fault.got) == (line, got)


def test_a_missing_semicolon_costs_no_other_property(read):
    (node,) = read("object node {\n name a\n phases A;\n nominal_voltage 7200;\n}").objects
    assert values(node) == {"name": "a", "phases": "A", "nominal_voltage": "7200"}
