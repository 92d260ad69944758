"""The faults that are injected, one into each goal: of which class it is, and what the goal is about."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from loopwright.bus.messages import FaultClass, Json

KINDS: dict[FaultClass, tuple[str, ...]] = {
    FaultClass.MODEL: ("misuse", "unknown-tool", "garbage", "contradicts", "invents", "orders-wrong"),
    FaultClass.AGENT: (
        "crashes",
        "drops-a-call",
        "cuts-an-answer",
        "calls-twice",
        "alters-arguments",
        "alters-the-result",
        "hangs",
        "misfits",
        "calls-a-forbidden-tool",
    ),
    FaultClass.LOOP: ("too-few-attempts", "too-few-tokens", "too-short", "steps-too-short", "no-input"),
    FaultClass.TOOL: ("raises", "hangs", "does-nothing", "answers-nonsense", "answers-wrong-at-first"),
    FaultClass.ENVIRONMENT: (
        "model-503",
        "model-401",
        "model-unreachable",
        "tool-refused",
        "tool-503",
        "disk-full",
        "nobody-works",
    ),
    FaultClass.EVALUATOR: ("crashes", "hangs", "fickle", "blind", "frozen"),
}
"""What is injected, by the class that is to be found."""
ALONE = frozenset({"steps-too-short", "no-input", "nobody-works", "too-short", "too-few-tokens", "model-401"})
"""Kinds that leave no room for trouble of another kind before them."""
SLOW = frozenset({"hangs", "model-503", "model-unreachable", "steps-too-short"})
"""Kinds that end when a step's time is up."""
MET = frozenset({"answers-wrong-at-first"})
"""Kinds with which the goal is met in the end: what counts is the fault of the attempt that went wrong."""
FORMS = ("plain", "plain", "nested", "prose")
TASKS = ("bolt", "nut", "washer", "hinge", "latch", "gasket")


@dataclass
class Case:
    """One goal with one fault in it."""

    goal: str
    fault: FaultClass
    kind: str
    article: str
    stock: int
    want: int
    moves: list[int]
    busy: bool
    """Whether the model is busy once, and answers when it is asked again: nobody's fault, for it was got over."""
    stumbles: bool
    """Whether the first attempt fails for want of a service, and the fault comes only then."""
    form: str = "plain"
    """In which form model and agent have agreed to write: `plain` JSON, `nested` as OpenAI writes it, or `prose`."""
    needed: int = 1
    """Drafts until the evaluator of style is content."""
    limits: Json = field(default_factory=dict)
    ordered: dict[str, int] = field(default_factory=dict[str, int])
    """What was ordered, by the key of the call."""
    turns: int = 0
    swapped: FaultClass | None = None
    """The component that was taken out for a sound one."""

    def has(self, fault: FaultClass, *kinds: str, attempt: int = 2) -> bool:
        """Tell whether one of these faults is to show in an attempt."""
        there = self.fault is fault and self.swapped is not fault
        return there and self.kind in kinds and not (self.stumbles and attempt == 1)


def cases_of(seed: int) -> Iterator[Case]:
    """Yield one case for each kind of fault."""
    for fault, kinds in KINDS.items():
        for kind in kinds:
            chance = random.Random(f"{seed} {fault} {kind}")
            name = f"f{seed}-{fault.value}-{kind}"
            case = Case(
                goal=name,
                fault=fault,
                kind=kind,
                article=f"{chance.choice(TASKS)}-{seed}-{fault.value[:2]}{kinds.index(kind)}",
                stock=chance.randint(10, 99),
                want=chance.randint(200, 999),
                moves=[chance.randint(11, 99) for _ in range(chance.randint(5, 12))],
                busy=chance.random() < 0.5,
                stumbles=kind not in ALONE and chance.random() < 0.4,
                form=chance.choice(FORMS),
            )
            yield bounded(case)


def bounded(case: Case) -> Case:
    """Return a case with the limits that make its fault one."""
    case.limits = {"attempts": 4, "deadline": 50, "step_timeout": 3.0 if case.kind in SLOW else 15.0}
    match case.kind:
        case "too-few-attempts":
            case.needed, case.limits["attempts"] = 8, 4
        case "too-few-tokens":
            case.needed, case.limits = 8, case.limits | {"attempts": 9, "tokens": 1500}
        case "too-short":
            case.needed, case.limits = 60, case.limits | {"attempts": 80, "deadline": 9.0}
        case "frozen" | "blind":
            case.needed = 6
        case _:
            pass
    return case
