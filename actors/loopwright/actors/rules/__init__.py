"""Rules of a trajectory: the order of calls, what is forbidden and required, evidence before claim, and their like.

from loopwright.actors import evaluators, rules

GATE = evaluators.keeps("gate", rules.ordered("lookup", "refund"), rules.at_most("refund", 1))
"""

from loopwright.actors.rules.keeping import ALWAYS as ALWAYS
from loopwright.actors.rules.keeping import Breach as Breach
from loopwright.actors.rules.keeping import Rule as Rule
from loopwright.actors.rules.keeping import all_of as all_of
from loopwright.actors.rules.keeping import any_of as any_of
from loopwright.actors.rules.keeping import at_most as at_most
from loopwright.actors.rules.keeping import forbidden as forbidden
from loopwright.actors.rules.keeping import founded as founded
from loopwright.actors.rules.keeping import in_step as in_step
from loopwright.actors.rules.keeping import no_success_over_failed_child as no_success_over_failed_child
from loopwright.actors.rules.keeping import nothing_after_cancel as nothing_after_cancel
from loopwright.actors.rules.keeping import ordered as ordered
from loopwright.actors.rules.keeping import required as required
from loopwright.actors.rules.keeping import spend as spend
from loopwright.actors.rules.keeping import when as when
from loopwright.actors.rules.trail import Trail as Trail
from loopwright.actors.rules.trail import trail_of as trail_of
from loopwright.actors.rules.written import WrittenRule as WrittenRule
from loopwright.actors.rules.written import rules_of as rules_of
