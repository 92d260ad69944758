"""Repair: a program with failing tests goes in, one that passes them comes out."""

from loopwright.actors.repair.coding import code as code
from loopwright.actors.repair.loops import REPAIR as REPAIR
from loopwright.actors.repair.loops import REPAIR_WITH_MODEL as REPAIR_WITH_MODEL
from loopwright.actors.repair.searching import search as search
from loopwright.actors.repair.task import Acceptance as Acceptance
from loopwright.actors.repair.task import Pick as Pick
from loopwright.actors.repair.task import Program as Program
from loopwright.actors.repair.testing import run_acceptance as run_acceptance
from loopwright.actors.repair.testing import run_tests as run_tests
