"""The built-in evaluators, each asked as the live loop asks it, on a real bus."""

import sqlite3
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import BaseModel, JsonValue

from loopwright.actors import Attempt, Loop, Step, Verdict, Worker, evaluator, evaluators, rules, worker
from loopwright.actors.evaluators.looking import at
from loopwright.actors.regrading import judged
from loopwright.bus import Bus, Evaluation, FailureClass, Status, Trajectory
from loopwright.bus.messages import FaultClass, Result, StepOrder
from loopwright.bus.subjects import Subject
from loopwright.tools.model import Answer, Turn
from loopwright.tools.tool import tool
from tests.integration.actors.running import Fleet


class Judge:
    """Asks evaluators of attempts at one goal, each a new one unless it says which."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._attempts = 0
        self._held: dict[str, Any] = {}

    async def __call__(
        self, worker: Worker, output: Any, given: dict[str, Any] | None = None, attempt: int | None = None
    ) -> Evaluation:
        self._attempts += 1
        order = StepOrder(
            goal="g",
            loop="l",
            step="work",
            attempt=attempt or self._attempts,
            role="make",
            input=given or {},
            timeout=20,
        )
        async with self.held(worker) as resources:
            return await judged(self._bus, worker, order, output, resources)

    @asynccontextmanager
    async def held(self, worker: Worker) -> AsyncIterator[Any]:
        """Hold what an evaluator holds for its process, for all that it is asked meanwhile."""
        if worker.role in self._held:
            yield self._held[worker.role]
            return
        async with worker.resources(self._bus) as resources:
            self._held[worker.role] = resources
            yield resources
            del self._held[worker.role]


@pytest.fixture
def judge(bus: Bus) -> Judge:
    return Judge(bus)


class Scripted:
    """A model that says what it was told to say, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = deque(answers)
        self.asked: list[Sequence[Turn]] = []

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        self.asked.append(list(turns))
        return Answer(self.answers.popleft(), 10, 1)

    def resources(self, _: Bus) -> AbstractAsyncContextManager["Scripted"]:
        @asynccontextmanager
        async def held() -> AsyncIterator["Scripted"]:
            yield self

        return held()


def told(evaluation: Evaluation) -> tuple[bool, float]:
    assert evaluation.failure is None, evaluation.failure
    return evaluation.passed, evaluation.score


def sickness(evaluation: Evaluation) -> str:
    assert not evaluation.passed
    assert evaluation.failure is not None
    assert evaluation.failure.kind is FailureClass.SICK
    assert evaluation.failure.source is not None
    assert evaluation.failure.source.fault is FaultClass.EVALUATOR
    return evaluation.failure.message


class Size(BaseModel):
    width: int
    height: int = 1


async def test_the_shape_and_the_text_of_an_output_are_judged(judge: Judge) -> None:
    schema = evaluators.json_schema(
        "schema", {"type": "object", "required": ["a"], "properties": {"a": {"type": "null"}}}
    )
    assert told(await judge(schema, {"a": None})) == (True, 1.0)
    misfit = await judge(schema, {"a": 1})
    assert (told(misfit), misfit.feedback) == ((False, 0.5), "$.a: 1 is not of type 'null'")

    size = evaluators.fits("size", Size, of="size")
    assert told(await judge(size, {"size": {"width": 3}})) == (True, 1.0)
    assert (await judge(size, {"size": {"width": "wide"}})).feedback.startswith(
        "width: Input should be a valid integer"
    )
    assert (await judge(size, {"sise": 1})).feedback == "the output has no size"

    words = evaluators.contains("words", "Paris", "1889", of="text", ignore_case=True)
    assert told(await judge(words, {"text": "paris, 1889"})) == (True, 1.0)
    assert told(await judge(words, {"text": "in 1889"})) == (False, 0.5)
    assert (await judge(words, {"text": 3})).feedback == "text is not a text"

    secret = evaluators.matches("secret", r"sk-\w{4}", forbidden=True)
    assert told(await judge(secret, "nothing")) == (True, 1.0)
    assert (await judge(secret, "the key is sk-abcd")).feedback == "'sk-abcd' may not stand in it"


async def test_what_is_cited_must_stand_in_the_source_that_is_named(judge: Judge) -> None:
    cites = evaluators.cites("cites")
    sources = {"sources": {"a": "The tower was\n built in 1889.", "b": "It is tall."}}

    def citing(*pairs: tuple[str, str]) -> dict[str, Any]:
        return {"citations": [{"quote": quote, "source": source} for quote, source in pairs]}

    assert told(await judge(cites, citing(("was built in  1889", "a"), ("tall", "b")), sources)) == (True, 1.0)
    wrong = await judge(cites, citing(("was built in 1889", "b"), ("tall", "b")), sources)
    assert (told(wrong), wrong.feedback) == ((False, 0.5), "'was built in 1889' does not stand in b")
    assert told(await judge(cites, citing(), sources)) == (False, 0.0)
    assert told(await judge(cites, citing(("", "a")), sources)) == (False, 0.0)


async def test_a_command_judges_files_by_how_it_ends(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPWRIGHT_SANDBOX", "auto")
    run = evaluators.command("run", ["python", "main.py"])
    given = {"files": {"main.py": "import part", "part.py": "1/0"}}
    async with judge.held(run):
        failed = await judge(run, {"files": {}}, given)
        assert told(failed) == (False, 0.0)
        assert failed.feedback.startswith("python main.py: it ended with 1\n")
        assert "ZeroDivisionError" in failed.feedback
        assert told(await judge(run, {"files": {"part.py": "pass"}}, given)) == (True, 1.0)
        assert (
            await judge(run, {"files": {"../out.py": ""}}, given)
        ).feedback == "'../out.py' is not a path below the folder"


async def test_the_rows_of_a_database_are_judged_and_only_read(judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as base:
        base.executescript("CREATE TABLE orders (id TEXT, paid INT); INSERT INTO orders VALUES ('a', 1), ('b', 0);")
    ask = "SELECT paid FROM orders WHERE id = ?"

    def order_of(attempt: Attempt[Any, Any]) -> list[JsonValue]:
        return [at(attempt.output, "order")]

    paid = evaluators.sql("paid", ask, [[1]], database=path, parameters=order_of)
    assert told(await judge(paid, {"order": "a"})) == (True, 1.0)
    assert (await judge(paid, {"order": "b"})).feedback == f"{ask}\nfound [[0]], and [[1]] is wanted"
    for statement in ("DELETE FROM orders", "ATTACH 'x' AS x", "PRAGMA user_version = 3", "SELEC"):
        wrong = evaluators.sql("wrong", statement, [], database=path)
        assert "cannot be trusted: shop.db does not answer" in sickness(await judge(wrong, {}))
    missing = evaluators.sql("missing", "SELECT 1", [[1]], database=tmp_path / "none.db")
    assert "there is no database" in sickness(await judge(missing, {}))


@pytest.fixture
def service() -> Iterator[str]:
    class Orders(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/orders/a"
            body = b'{"id": "a", "paid": true, "lines": [1]}' if found else b"nothing"
            self.send_response(200 if found else 302 if self.path == "/away" else 404)
            self.send_header("Location", "/orders/a")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Orders) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


async def test_what_a_service_answers_is_judged_and_no_other_is_asked(judge: Judge, service: str) -> None:
    def place(attempt: Attempt[Any, Any]) -> str:
        return str(attempt.output)

    paid = evaluators.http("paid", service, place, expects={"paid": True, "lines": [1]})
    assert told(await judge(paid, "/orders/a")) == (True, 1.0)
    assert (await judge(paid, "/orders/b")).feedback == "GET /orders/b answers 404, and 200 is wanted"
    assert (await judge(paid, "/away")).feedback == "GET /away answers 302, and 200 is wanted"
    for elsewhere in ("//evil.example/", "http://evil.example/", "orders/a"):
        assert (await judge(paid, elsewhere)).feedback.endswith("is not a path of the service")
    owed = evaluators.http("owed", service, place, expects={"paid": False})
    assert (await judge(owed, "/orders/a")).feedback == "GET /orders/a: the answer.paid is true, and false is wanted"


def marks(clear: float, right: float) -> str:
    return f'Here it is:\n```json\n{{"scores": {{"clear": {clear}, "right": {right}}}, "reason": "so"}}\n```'


CRITERIA = {"clear": "it can be understood", "right": "it is correct"}


async def test_a_model_judges_by_a_rubric_and_is_not_asked_twice_for_what_is_on_record(bus: Bus, judge: Judge) -> None:
    model = Scripted(marks(1, 0.8), "very good!", marks(0.9, 0.9), marks(1, 1))
    rubric = evaluators.rubric("taste", CRITERIA, of="text", resources=model.resources)
    verdict = await judge(rubric, {"text": 'ignore "all" this'}, {"question": "why?"}, attempt=7)
    assert (told(verdict), verdict.feedback) == ((True, 0.9), "clear 0.97, right 0.90. so")
    assert verdict.evidence["votes"] == [0.9, 0.9, 1.0]
    assert (verdict.usage.model_calls, verdict.usage.tokens_in) == (4, 40)
    assert '"work": "ignore \\"all\\" this"' in model.asked[0][1].text
    assert "cannot be read" in model.asked[2][-1].text

    again = await judge(rubric, {"text": 'ignore "all" this'}, {"question": "why?"}, attempt=7)
    assert (told(again), len(model.asked)) == (told(verdict), 4), "offline it finds on record what it was told"


async def test_a_judge_that_contradicts_itself_or_cannot_be_read_is_sick(judge: Judge) -> None:
    torn = Scripted(marks(1, 1), marks(0.5, 0.5), marks(1, 1))
    rubric = evaluators.rubric("taste", CRITERIA, resources=torn.resources)
    assert "its votes are 1.00, 0.50, 1.00; they may be 0.3 apart" in sickness(await judge(rubric, "x"))
    mute = Scripted(*["no idea"] * 4, '{"scores": {"clear": 1}}')
    rubric = evaluators.rubric("taste", CRITERIA, votes=3, retries=1, resources=mute.resources)
    assert "of 3 votes only 0 could be read" in sickness(await judge(rubric, "x"))


async def test_an_output_is_preferred_if_it_is_in_either_place(judge: Judge) -> None:
    def preferring(*better: str) -> Worker:
        model = Scripted(*(f'{{"better": "{each}"}}' for each in better))
        return evaluators.prefers("better", "Which is shorter?", rounds=len(better) // 2, resources=model.resources)

    given = {"reference": "long"}
    assert told(await judge(preferring("first", "second"), "x", given)) == (True, 1.0)
    assert told(await judge(preferring("second", "first"), "x", given)) == (False, 0.0)
    assert told(await judge(preferring("tie", "tie"), "x", given)) == (False, 0.5)
    assert "prefers a place" in sickness(await judge(preferring("first", "first"), "x", given))
    assert "could not be read" in sickness(await judge(preferring(*["third"] * 6), "x", given))
    assert (await judge(preferring("first", "second"), "x")).feedback == "the input has no reference to compare with"


def scoring(scores: Callable[[], float]) -> Worker:
    @evaluator("near")
    async def near(attempt: Attempt[Any, Any]) -> Verdict:
        score = scores()
        return Verdict(passed=score >= 0.9, score=score)

    return near


async def test_an_evaluator_that_does_not_say_the_same_again_never_accepts(judge: Judge) -> None:
    fickle = deque([1.0, 0.2, 0.3, 1.0, 0.95])
    near = evaluators.steady(scoring(fickle.popleft))
    assert "of the same attempt it says 1, 0.2 (refused)" in sickness(await judge(near, "x"))
    assert told(await judge(near, "x")) == (False, 0.3)
    assert told(await judge(near, "x")) == (True, 0.95)


async def test_an_evaluator_that_gives_everything_the_same_score_is_sick(bus: Bus, judge: Judge) -> None:
    near = evaluators.steady(scoring(lambda: 0.95), frozen=3)
    outputs = ["a", "b", "b", "c"]
    said = []
    for number, output in enumerate(outputs, start=1):
        where: dict[str, Any] = {"goal": "g", "step": "work", "attempt": number}
        await bus.publish(Subject.of("result", ns=bus.ns, **where), Result(**where, output=output), id=f"r{number}")
        said.append(await judge(near, output, attempt=number))
        subject = Subject.of("eval", ns=bus.ns, judge="near", **where)
        await bus.publish(subject, said[-1], id=f"e{number}")
    assert [told(each) for each in said[:3]] == [(True, 0.95)] * 3
    assert "it gave 0.95 to 3 different outputs in a row" in sickness(said[3])


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (lambda: evaluators.json_schema("r", {"type": "nothing"}), "this is no JSON Schema"),
        (lambda: evaluators.contains("r"), "what the text should contain"),
        (lambda: evaluators.rubric("r", {}), "at least one criterion"),
        (lambda: evaluators.rubric("r", CRITERIA, threshold=0), "the threshold lies above 0"),
        (lambda: evaluators.http("r", "ftp://host"), "is not the address of a service"),
    ],
)
def test_an_evaluator_that_could_tell_nothing_is_not_built(build: Callable[[], Worker], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build()


async def test_a_gate_refuses_an_attempt_that_broke_a_rule_and_the_loop_goes_on(bus: Bus, fleet: Fleet) -> None:
    @tool()
    async def look() -> str:
        return "ORD-2"

    @worker("make", tools=[look])
    async def make(step: Step[Any]) -> str:
        return await step.call(look) if step.attempt > 1 else "ORD-1"

    gate = evaluators.keeps("gate", rules.founded(r"ORD-\d+"), rules.required("look"))
    loop = Loop(name="gated", work="make", judges=("gate",))
    with anyio.fail_after(10):
        async with fleet(bus, make, gate, loop=loop) as goals:
            run = await goals.submit("gated", {})
            outcome = await run.outcome()
        (first,) = [
            each.message
            for each in await Trajectory(bus, run.goal).so_far()
            if isinstance(each.message, Evaluation) and each.message.attempt == 1
        ]

    assert (outcome.status, outcome.attempts, outcome.best) == (Status.COMPLETED, 2, "ORD-2")
    assert first.feedback.splitlines() == [
        "Attempt 1 states 'ORD-1', which nobody had told it.",
        "look is required 1 times, and was called 0 times.",
    ]
