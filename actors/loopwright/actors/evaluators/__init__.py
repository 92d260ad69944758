"""Evaluators to build in one line: ``LINT = evaluators.command("lint", ["ruff", "check", "."])``.

Each is a worker that a loop names by its role, and that `loopwright worker ROLE --app MODULE` serves.
"""

from loopwright.actors.evaluators.commanding import command as command
from loopwright.actors.evaluators.keeping import keeps as keeps
from loopwright.actors.evaluators.preferring import prefers as prefers
from loopwright.actors.evaluators.rubrics import rubric as rubric
from loopwright.actors.evaluators.shapes import fits as fits
from loopwright.actors.evaluators.shapes import json_schema as json_schema
from loopwright.actors.evaluators.states import http as http
from loopwright.actors.evaluators.states import sql as sql
from loopwright.actors.evaluators.steady import steady as steady
from loopwright.actors.evaluators.texts import cites as cites
from loopwright.actors.evaluators.texts import contains as contains
from loopwright.actors.evaluators.texts import matches as matches
