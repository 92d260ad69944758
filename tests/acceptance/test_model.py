"""A model proposes instead of the search: a scripted one, behind a real OpenAI-compatible endpoint."""

from __future__ import annotations

import json
import signal
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Done, OpenStation, Station, Terminal

GCD = "def gcd(a: int, b: int) -> int:\n    if b == 0:\n        return a\n    return gcd(a % b, b)\n"
TESTS = "from gcd import gcd\n\n\ndef test_gcd() -> None:\n    assert gcd(35, 21) == 7\n"


@dataclass(frozen=True)
class Reply:
    """What the endpoint answers: a status, and a model's words or an error's."""

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cost: float | None = None
    """What the endpoint says that it has cost; most say nothing."""

    @property
    def body(self) -> bytes:
        """The reply as the API has it."""
        if self.status != 200:
            return json.dumps({"error": {"message": self.text, "type": "scripted"}}).encode()
        choice = {"index": 0, "message": {"role": "assistant", "content": self.text}, "finish_reason": "stop"}
        usage: dict[str, float] = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        usage |= {"cost": self.cost} if self.cost else {}
        told = {"id": "1", "object": "chat.completion", "created": 1, "model": "scripted"}
        return json.dumps(told | {"choices": [choice], "usage": usage}).encode()


@dataclass
class Script:
    """A model that says what it was told to say, and keeps what it was asked."""

    url: str = ""
    replies: deque[Reply] = field(default_factory=deque[Reply])
    asked: list[Any] = field(default_factory=list[Any])


@pytest.fixture
def script() -> Iterator[Script]:
    """A scripted model that listens on a free port."""
    script = Script()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            script.asked.append(question | {"path": self.path})
            reply = script.replies.popleft()
            self.send_response(reply.status)
            for name, value in (reply.headers | {"Content-Length": str(len(reply.body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        yield script
        server.shutdown()
        thread.join()


def block(line: str) -> Reply:
    """Return an answer that writes the last line of the program anew."""
    text = GCD.replace("return gcd(a % b, b)", line)
    return Reply(f"The arguments are wrong.\n\n```python path=gcd.py\n{text}```\n")


async def repair(terminal: Terminal, script: Script, *replies: Reply) -> Done:
    """Run the main job with these answers to come."""
    script.replies.extend(replies)
    program = terminal.write("gcd", {"gcd.py": GCD, "test_gcd.py": TESTS})
    words = ("--base-url", script.url, "--model", "scripted", "--workers", "1", "--json")
    return await terminal.run("run", "repair", str(program), *words)


async def test_each_answer_of_a_model_is_an_attempt_that_sees_what_the_last_one_scored(
    terminal: Terminal, script: Script
) -> None:
    done = await repair(terminal, script, Reply("Swap them."), block("return gcd(b, a)"), block("return gcd(b, a % b)"))

    outcome = done.document
    asked = [[turn["content"] for turn in question["messages"]] for question in script.asked]
    assert done.code == 0
    assert (outcome["loop"], outcome["status"], outcome["attempts"]) == ("repair-with-model", "completed", 3)
    usage = outcome["usage"]
    assert (usage["model_calls"], usage["tokens_in"], usage["cost"], usage["unpriced"]) == (3, 300, 0, 3)
    assert "+    return gcd(b, a % b)" in outcome["diff"].splitlines()
    assert outcome["edit"] == "The arguments are wrong."
    assert {(question["path"], question["model"]) for question in script.asked} == {
        ("/v1/chat/completions", "scripted")
    }
    assert "return gcd(a % b, b)" in asked[0][1]
    assert "test_gcd.py::test_gcd: " in asked[0][1]
    assert "The answer is unusable: it has no block" in asked[1][-1]
    assert asked[2][-1].startswith("That was attempt 2. 0 of 1 tests were seen to pass.")
    assert "return gcd(b, a)" in asked[2][-2]


async def test_a_busy_model_is_asked_again_after_the_time_it_names(
    terminal: Terminal, station: Station, script: Script
) -> None:
    busy, right = Reply("Slow down.", 429, {"Retry-After": "1"}), block("return gcd(b, a % b)")

    outcome, code = await asked(
        terminal.on(station.url), script, busy, Reply("Broken.", 503, {"Retry-After": "0"}), right
    )

    assert code == 0
    assert (outcome["attempts"], len(script.asked)) == (1, 3), "no attempt is lost on it"


async def test_a_model_that_refuses_us_ends_the_goal_at_once(
    terminal: Terminal, station: Station, script: Script
) -> None:
    refusal = Reply("Incorrect API key provided.", 401)

    outcome, code = await asked(terminal.on(station.url), script, refusal)

    assert code == 1
    assert (outcome["status"], outcome["reason"], len(script.asked)) == ("failed", "error", 1)
    assert outcome["why"].startswith("the model's endpoint answered 401: ")
    assert "Incorrect API key provided." in outcome["why"]


PONDERING = """
from pathlib import Path
from typing import Any

import anyio

from loopwright.actors import Attempt, Loop, Made, Step, Verdict, evaluator, worker
from loopwright.tools.model import Model, Turn


@worker("ponder", resources=lambda bus: Model.from_environment())
async def ponder(step: Step[Any]) -> Made:
    said = [(await step.ask(step.resources, [Turn("user", text)])).text for text in ("What?", "Why?")]
    mark = Path("dying")
    if not mark.exists():
        mark.touch()
        print("has both answers", flush=True)
        await anyio.sleep_forever()
    return Made(output={"said": said}, usage=step.spent)


@evaluator("nod")
async def nod(attempt: Attempt[Any, Any]) -> Verdict:
    return Verdict(passed=True, score=1.0)


PONDERING = Loop(name="pondering", work="ponder", judges=("nod",))
"""
PRICES = """
["gpt-*"]
input = 2.0
output = 8.0
"""


async def test_a_worker_that_is_killed_has_not_asked_in_vain(
    terminal: Terminal, open_station: OpenStation, script: Script
) -> None:
    prices = terminal.write("", {"pondering.py": PONDERING, "prices.toml": PRICES}) / "prices.toml"
    script.replies.extend([Reply("Something."), Reply("Because.", cost=0.5), Reply("Asked once too often.")])
    words = ("worker", "ponder", "--app", "pondering")
    async with open_station(orchestrator="orchestrator --app pondering", judge="worker nod --app pondering") as station:
        there = station.terminal
        async with there.start(*words, OPENAI_BASE_URL=script.url, LOOPWRIGHT_PRICES=str(prices)) as dying:
            await dying.says("worker.ready")
            assert (await there.run("goal", "submit", "pondering", "--goal", "g1")).code == 0
            await dying.says("has both answers")
            dying.tell(signal.SIGKILL)
            async with there.start(*words, OPENAI_BASE_URL=script.url, LOOPWRIGHT_PRICES=str(prices)) as successor:
                await successor.says("worker.ready")
                done = await there.run("goal", "watch", "g1", "--json")
        told = (await there.run("goal", "watch", "g1")).out

    outcome = done.lines[-1]["message"]["outcome"]
    assert (done.code, outcome["best"]) == (0, {"said": ["Something.", "Because."]})
    assert len(script.asked) == 2
    assert (outcome["usage"]["model_calls"], outcome["usage"]["tokens_in"], outcome["attempts"]) == (2, 200, 1)
    assert outcome["usage"]["cost"] == pytest.approx(0.5 + (100 * 2.0 + 10 * 8.0) / 1e6), "told, and by the table"
    assert told.count("gpt-5 answered ponder, 110 tokens") == 2
    assert "goes on where another worker was lost" in told


async def asked(terminal: Terminal, script: Script, *replies: Reply) -> tuple[Any, int]:
    """Have a worker of its own ask the model for a goal; return the outcome and the exit code."""
    script.replies.extend(replies)
    given = {"files": {"gcd.py": GCD, "test_gcd.py": TESTS}, "model": "scripted"}
    async with terminal.start("worker", "code", OPENAI_BASE_URL=script.url) as worker:
        await worker.says("worker.ready")
        done = await terminal.run("goal", "submit", "repair-with-model", json.dumps(given), "--watch", "--json")
        worker.tell(signal.SIGTERM)
        assert (await worker.end()).code == 0
    return done.lines[-1]["message"]["outcome"], done.code
