"""A language model behind any OpenAI-compatible endpoint; it is imported only when it is asked."""

import math
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, cast

from loopwright.tools.errors import ToolError
from loopwright.tools.prices import Prices

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionMessageParam

DEFAULT_MODEL = "gpt-5"
PATIENCE = 150.0
"""Seconds one answer may take."""
PAUSE = 2.0
"""Seconds to wait where a busy model does not say how long."""
NO_PRICES = Prices()
BUSY = frozenset({408, 409, 425, 429})


class ModelBusy(ToolError):
    """The same question may well be answered later."""

    def __init__(self, reason: str, *, wait: float, status: int | None = None) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds to wait."""
        self.status_code = status
        """The HTTP status, if there was an answer."""


class ModelRefused(ToolError):
    """The endpoint will not answer us, however often we ask."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.status_code = status
        """The HTTP status, if there was an answer."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said, and what it took."""

    text: str
    tokens_in: int
    tokens_out: int
    cost: float | None = None
    """US dollars; None where nobody knows the price."""


class LanguageModel(Protocol):
    """Whatever answers a conversation."""

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        """Return the answer of the model of that name.

        Raises:
            ModelBusy: it may answer later.
            ModelRefused: it will not.
        """
        ...


class Model:
    """A client of one endpoint. Its own retries are off: the loop has one budget for them."""

    def __init__(self, client: "AsyncOpenAI", prices: Prices = NO_PRICES) -> None:
        self._client = client
        self._prices = prices

    @classmethod
    @asynccontextmanager
    async def from_environment(cls) -> AsyncIterator[Self]:
        """Hold a client for ``OPENAI_BASE_URL`` with ``OPENAI_API_KEY``; a local endpoint may need no key.

        Its prices are those in the file ``LOOPWRIGHT_PRICES``.

        Raises:
            PricesRefused: that file cannot be used.
        """
        from openai import AsyncOpenAI  # noqa: PLC0415 - it takes a second that most processes need not spend

        key, prices = os.environ.get("OPENAI_API_KEY") or "none", Prices.from_environment()
        async with AsyncOpenAI(api_key=key, max_retries=0, timeout=PATIENCE) as client:
            yield cls(client, prices)

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        """Return the model's answer to a conversation.

        Raises:
            ModelBusy: it may answer later.
            ModelRefused: it will not.
        """
        from openai import APIConnectionError, APIStatusError, OpenAIError  # noqa: PLC0415 - see above

        name = model or DEFAULT_MODEL
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        try:
            reply = await self._client.chat.completions.create(
                model=name, messages=cast("list[ChatCompletionMessageParam]", messages)
            )
        except APIStatusError as error:
            raise classified(error) from error
        except APIConnectionError as error:
            raise ModelBusy(f"the model cannot be reached: {error}", wait=PAUSE) from error
        except OpenAIError as error:
            raise ModelRefused(f"the model's client refuses: {error}") from error
        text = reply.choices[0].message.content if reply.choices else ""
        usage = reply.usage
        if usage is None:
            return Answer(text or "", 0, 0)
        tokens = usage.prompt_tokens, usage.completion_tokens
        return Answer(text or "", *tokens, told_cost(usage) or self._prices.cost(name, *tokens, cached_in(usage)))


def told_cost(usage: "CompletionUsage") -> float | None:
    """Return what an endpoint says that an answer has cost: some do, though the API has no word for it."""
    told = (usage.model_extra or {}).get("cost")
    return float(told) if isinstance(told, int | float) and 0 < told < math.inf else None


def cached_in(usage: "CompletionUsage") -> int:
    """Return how much of the input the endpoint had in its cache."""
    details = usage.prompt_tokens_details
    return (details.cached_tokens if details else None) or 0


def classified(error: "APIStatusError") -> ToolError:
    """Return what an HTTP status means: come back later, or do not."""
    said = f"the model's endpoint answered {error.status_code}: {error.message}"[:500]
    if error.status_code in BUSY or error.status_code >= 500:
        wait = waited_for(error.response.headers.get("retry-after"))
        return ModelBusy(said, wait=wait, status=error.status_code)
    return ModelRefused(said, status=error.status_code)


def waited_for(text: str | None) -> float:
    """Return the seconds in a Retry-After header, at most a minute."""
    try:
        return min(60.0, max(0.0, float(text or PAUSE)))
    except ValueError:
        return PAUSE
