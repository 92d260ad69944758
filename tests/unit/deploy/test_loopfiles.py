"""Loops in files: what is read, and what is said of what is wrong."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from loopwright.actors import Bounds, Loop, Quorum, Weighted
from loopwright.actors.repair import REPAIR
from loopwright.actors.schemas import FOLDER, NAME, loop_schema
from loopwright.deploy import loops
from loopwright.deploy.exits import Exit
from loopwright.deploy.loopfiles import LoopRefused, LoopUnknown, read_loop, read_loops
from loopwright.deploy.marked import read_marked
from loopwright.deploy.tomlplaces import places_in_toml

YAML = """\
# how our reports come about
name: report
version: 2
work: write
checks: [spelling]
judges:
  - taste
  - facts
  - style
vote: {quorum: 2}
acceptance: editor
bounds:
  attempts: 7
  cost: 0.5
"""
TOML = """\
# how our reports come about
name = "report"
version = 2
work = "write"
checks = ["spelling"]
judges = [
  "taste",
  "facts",
  'style',
]
vote.quorum = 2
acceptance = "editor"
[bounds]
attempts = 7
cost = 0.5
"""
REPORT = Loop(
    name="report",
    version=2,
    work="write",
    checks=("spelling",),
    judges=("taste", "facts", "style"),
    vote=Quorum(quorum=2),
    acceptance="editor",
    bounds=Bounds(attempts=7, cost=0.5),
)
EXAMPLES = sorted((Path(__file__).parents[3] / "deploy" / "examples").glob("*-repair.yaml"))
WOVEN = """\
name: book
work: write
makers: [draw]
judges: [read]
steps:
  - name: outline
  - {name: chapters, each: outline}
  - name: cover
    role: draw
    needs: []
  - {name: book, needs: [chapters, cover]}
"""
VOTE_FAULTS = [
    "10:1: threshold is missing.",
    "10:38: vote.weights.style: it should be greater than 0, and is -1.",
]
SCHEMA = Draft202012Validator(json.loads(loop_schema()))


def written(folder: Path, text: str, name: str = "report.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def faults_of(path: Path) -> list[str]:
    """Return what is said of a file, from the line on."""
    with pytest.raises(LoopRefused) as refused:
        read_loop(path)
    return [str(each).removeprefix(f"{path}:") for each in refused.value.faults]


@pytest.mark.parametrize(("name", "text"), [("report.yaml", YAML), ("report.yml", YAML), ("report.toml", TOML)])
def test_a_loop_in_a_file_is_the_same_value_as_in_python(tmp_path: Path, name: str, text: str) -> None:
    path = written(tmp_path, text, name)
    assert read_loop(path).loop == REPORT
    assert SCHEMA.is_valid(read_marked(path).data)


@pytest.mark.parametrize(
    "loop",
    [
        REPAIR,
        REPORT,
        Loop(name="votes", plan="outline", work="write", judges=("a", "b"), vote="any"),
        Loop(name="weighs", work="w", judges=("a",), vote=Weighted(weights={"a": 2}, threshold=1.5)),
    ],
)
def test_what_show_prints_as_json_is_a_loop_file(
    loop: Loop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path, loop.model_dump_json(), "source.yaml")
    loops.show(str(source), (), True)
    assert read_loop(written(tmp_path, capsys.readouterr().out)).loop == loop


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("judges:", "judge:", ["6:1: judge is unknown; did you mean judges?", "10:1: there are no judges to vote."]),
        ("attempts: 7", "attemps: 7", ["13:3: attemps is unknown; did you mean attempts?"]),
        ("attempts: 7", "attempts: 0", ["13:3: bounds.attempts: it should be greater than or equal to 1, and is 0."]),
        ("attempts: 7", "attempts: '7'", ['13:3: bounds.attempts is "7", which would be read as 7: write 7.']),
        ("version: 2", "version: true", ["3:1: version is true, which would be read as 1: write 1."]),
        ("work: write", "", ["2:1: work is missing."]),
        ("work: write", "work: Write!", ["4:1: work: 'Write!' cannot be a name: use a-z, 0-9, _ and -, at most 63."]),
        ("  - facts", "  - facts!", ["8:5: judges.1: 'facts!' cannot be a name: use a-z, 0-9, _ and -, at most 63."]),
        ("  - facts", "  - taste", ["8:5: a role has one part in a loop, and taste is one of its judges already."]),
        (
            "{quorum: 2}",
            "{quorum: 4}",
            ["10:8: the quorum is 4 and there are 3 judges: nothing can be accepted."],
        ),
        ("{quorum: 2}", "most", ["10:1: vote: it should be 'all' or 'any', and is \"most\"."]),
        ("{quorum: 2}", "{quorum: 2, of: 3}", ["10:19: of is unknown; there is quorum."]),
        (
            "work: write",
            "work: write\nwork: again",
            ['5:1: found duplicate key "work" with value "again" (original value: "write")'],
        ),
        ("{quorum: 2}", "{weights: {taste: 1, facts: 1, style: -1}}", VOTE_FAULTS),
        ("{quorum: 2}", "{quorum: 2", ["11:11: expected ',' or '}', but got ':'"]),
        ("acceptance: editor", "acceptance: *editor", ["11:13: found undefined alias 'editor'"]),
    ],
)
def test_what_is_wrong_is_told_with_line_and_column(tmp_path: Path, right: str, wrong: str, said: list[str]) -> None:
    path = written(tmp_path, YAML.replace(right, wrong))
    assert faults_of(path) == said


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("attempts = 7", "attemps = 7", ["14:1: attemps is unknown; did you mean attempts?"]),
        ("attempts = 7", 'attempts = "7"', ['14:1: bounds.attempts is "7", which would be read as 7: write 7.']),
        ('"facts"', '"taste"', ["8:3: a role has one part in a loop, and taste is one of its judges already."]),
        (
            "vote.quorum = 2",
            "vote.quorum = 4",
            ["11:6: the quorum is 4 and there are 3 judges: nothing can be accepted."],
        ),
        ("[bounds]", "[bounds", ["13:8: Expected ']' at the end of a table declaration"]),
        ("cost = 0.5", "cost = [", ["15:9: Invalid value"]),
        ("version = 2", "version = 2020-01-01", ["3:1: version: it should be a valid integer"]),
        ('work = "write"', "", ["1:1: work is missing."]),
    ],
)
def test_what_is_wrong_in_toml_is_told_so_too(tmp_path: Path, right: str, wrong: str, said: list[str]) -> None:
    found = faults_of(written(tmp_path, TOML.replace(right, wrong), "report.toml"))
    assert len(found) == len(said)
    assert all(each.startswith(sentence) for each, sentence in zip(found, said, strict=True))


def test_the_examples_are_well_and_their_roles_are_served() -> None:
    assert len(EXAMPLES) == 2
    assert loops.check(EXAMPLES, ("loopwright.actors.repair",), False) == Exit.DONE
    assert all(SCHEMA.is_valid(read_marked(example).data) for example in EXAMPLES)


def test_the_steps_of_a_plan_are_written_and_drawn_with_what_they_need(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, WOVEN)
    assert [step.needs for step in read_loop(path).loop.steps] == [None, None, (), ("chapters", "cover")]
    loops.show(str(path), (), False)
    drawing = capsys.readouterr().out
    assert '    step1[["chapters<br/>write, for each of outline"]]\n' in drawing
    assert "step0 --> step1\n" in drawing
    assert "step1 --> step3\n" in drawing
    assert "step2 --> step3\n" in drawing
    path.write_text(WOVEN.replace("cover]", "covers]"))
    assert faults_of(path) == ["11:36: there is no step covers; did you mean cover?"]


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    one = written(tmp_path, YAML.replace("work: write", "werk: write").replace("cost: 0.5", "cost: 0"), "one.yaml")
    two = written(tmp_path, TOML.replace("[bounds]", "[bonds]"), "two.toml")
    with pytest.raises(LoopRefused) as refused:
        read_loops([two, one])
    assert [(Path(each.file).name, each.line) for each in refused.value.faults] == [
        ("one.yaml", 2),
        ("one.yaml", 4),
        ("one.yaml", 14),
        ("two.toml", 13),
    ]


def test_two_files_with_loops_of_one_name_are_refused(tmp_path: Path) -> None:
    one, two = written(tmp_path, YAML), written(tmp_path, TOML, "report.toml")
    with pytest.raises(LoopRefused, match=f"^{two}:2:1: {one} has a loop of the name report too.$"):
        read_loops([one, two])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("loop.py", "", " a loop file ends in .yaml, .yml, .toml."),
        ("loop.yaml", "[]", "1:1: a loop file holds the names and values of one loop."),
        ("loop.yaml", "", " a loop file holds the names and values of one loop."),
        ("loop.yaml", "name: &a [*a]", "1:1: name: it should be text."),
    ],
)
def test_what_is_no_loop_at_all_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    assert said in faults_of(written(tmp_path, text, name))


def test_a_file_that_is_well_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, YAML)
    assert loops.check([path], (), False) == Exit.DONE
    assert capsys.readouterr().out == f"{path}: the loop report, version 2, is well.\n"


def test_roles_that_nobody_serves_as_they_should_are_told_with_their_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "name: r\nwork: serch\nchecks: [test]\njudges:\n  - code\n  - test2\nacceptance: accept\n"
    path = written(tmp_path, text)
    assert loops.check([path], ("loopwright.actors.repair",), True) == Exit.USAGE
    found = json.loads(capsys.readouterr().out)
    assert found["loops"] == ["r"]
    assert [(each["line"], each["column"], each["said"]) for each in found["faults"]] == [
        (2, 1, "nobody serves the role serch; did you mean search?"),
        (5, 5, "the role code is served by a worker, and an evaluator belongs here."),
        (6, 5, "nobody serves the role test2; did you mean test?"),
    ]


def test_a_loop_that_nobody_has_is_unknown() -> None:
    with pytest.raises(LoopUnknown, match="there is no loop named repar; did you mean repair"):
        loops.show("repar", (), False)


def test_a_loop_is_drawn_with_all_its_roles(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    loops.show(str(written(tmp_path, YAML)), (), False)
    drawing = capsys.readouterr().out
    assert drawing.startswith("---\ntitle: report, version 2\n---\nflowchart TD\n")
    assert all(role in drawing for role in REPORT.roles)
    assert 'subgraph judging["every check and 2 of its 3 judges"]' in drawing
    assert "acceptance -- false success --> work" in drawing
    assert "attempts 7<br/>" in drawing


@pytest.mark.parametrize(
    ("loop", "arrow"),
    [
        (REPAIR, "goal -- as it stands --> judging"),
        (Loop(name="p", plan="outline", work="w", judges=("j",)), "judging -- the next steps --> work"),
    ],
)
def test_a_drawing_says_how_a_loop_begins_and_goes_on(
    loop: Loop, arrow: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loops.show(str(written(tmp_path, loop.model_dump_json())), (), False)
    assert arrow in capsys.readouterr().out


def test_the_schema_on_file_is_current() -> None:
    Draft202012Validator.check_schema(json.loads(loop_schema()))
    assert (FOLDER / NAME).read_text() == loop_schema(), "run `python -m loopwright.actors.schemas`"


@pytest.mark.parametrize("name", ["judge", "bounds.patiense", "vote.of"])
def test_the_schema_refuses_unknown_names_too(name: str) -> None:
    given = json.loads(REPORT.model_dump_json(exclude_none=True))
    outer, _, inner = name.rpartition(".")
    (given[outer] if outer else given)[inner] = 1
    assert not SCHEMA.is_valid(given)


# Places in TOML

WORD = re.compile(r"""[\w-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
names = st.sampled_from(["a", "b", "c-1", '"d e"', "'f.g'", '"h\\"#"'])
scalars = st.sampled_from(
    ["1", "-1.5e3", "true", '"x # [y]"', "'''\nx = 1\n'''", '"""\\"""z"""', "2020-01-01 10:00:00"]
)


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["scalar", "scalar", "array", "inline"])) if depth else "scalar"
    if kind == "array":
        items = draw(st.lists(values(depth=depth - 1), max_size=3))
        return draw(st.sampled_from(["[{}]", "[ # items\n {}\n ]"])).format(", ".join(items))
    if kind == "inline":
        keys = draw(st.lists(names, max_size=3, unique=True))
        return "{" + ", ".join(f"{key} = {draw(values(depth=depth - 1))}" for key in keys) + "}"
    return draw(scalars)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A TOML text with tables, arrays of tables, dotted keys, and values of every kind."""
    lines: list[str] = []
    for number, kind in enumerate(["", *draw(st.lists(st.sampled_from(["[{}]", "[[{}]]", "[[{}]]"]), max_size=4))]):
        if kind == "[{}]":
            lines.append(kind.format(f"t{number}.{draw(names)}"))
        elif kind:
            lines.append(kind.format("s") if number % 2 else "[[s]]\n[s.inside] # of the last")
        for key in draw(st.lists(names, max_size=3, unique=True)):
            dotted = f"{key}.{draw(names)}" if draw(st.booleans()) else key
            lines.append(f"{draw(st.sampled_from(['', '  ']))}{dotted} = {draw(values())}")
    return "\n".join(lines) + "\n"


@given(documents())
def test_every_value_of_a_toml_text_has_its_place(text: str) -> None:
    lines, places = text.split("\n"), places_in_toml(text)

    def look(value: object, where: tuple[str | int, ...]) -> None:
        place = places[where]
        if where and isinstance(where[-1], str):
            shown = WORD.match(lines[place.line - 1], place.column - 1)
            assert shown is not None
            assert list(tomllib.loads(f"{shown[0]} = 1")) == [where[-1]]
        if isinstance(value, dict):
            for name, inside in value.items():
                look(inside, (*where, name))
        elif isinstance(value, list):
            for number, inside in enumerate(value):
                look(inside, (*where, number))

    look(tomllib.loads(text), ())
