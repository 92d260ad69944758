"""Evaluators of the shape of an output: a JSON Schema, or a type."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from loopwright.actors.evaluators.looking import OUTPUT, Judged, Part, built, part_of, plainly, verdict
from loopwright.actors.work import Worker
from loopwright.bus.messages import Json, Verdict
from loopwright.bus.misfit import misfits

MANY = 10
"""Errors that the generator is told."""


def json_schema(role: str, schema: Json, *, of: Part = OUTPUT) -> Worker:
    """Return an evaluator that passes what fits a JSON Schema; draft 2020-12, unless the schema names another.

    What a schema refers to must stand in it: nothing is fetched.

    Raises:
        ValueError: it is no JSON Schema.
    """
    from jsonschema import SchemaError, validators  # noqa: PLC0415 - only who uses it need wait for it
    from jsonschema.protocols import Validator  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"this is no JSON Schema: {error.message}") from None
    validator: Validator = kind(schema, registry=Registry())

    async def judge(attempt: Judged) -> Verdict:
        found = sorted(validator.iter_errors(plainly(part_of(attempt, of))), key=lambda each: each.json_path)
        return refusal([f"{each.json_path}: {each.message[:200]}" for each in found])

    return built(role, judge)


def fits(role: str, shape: Any, *, of: Part = OUTPUT) -> Worker:
    """Return an evaluator that passes what pydantic reads as a type: a model, or any other."""
    adapter = TypeAdapter(shape)

    async def judge(attempt: Judged) -> Verdict:
        try:
            adapter.validate_json(json.dumps(plainly(part_of(attempt, of))))
        except ValidationError as error:
            return refusal(misfits(error, whole="it"))
        return verdict(True)

    return built(role, judge)


def refusal(errors: Sequence[str]) -> Verdict:
    """Return the verdict on something with so many errors: each makes its score smaller."""
    shown = [*errors[:MANY], *([f"and {len(errors) - MANY} more"] if len(errors) > MANY else [])]
    return verdict(not errors, "\n".join(shown), 1 / (1 + len(errors)), errors=len(errors))
