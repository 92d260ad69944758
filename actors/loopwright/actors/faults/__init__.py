"""Whose fault it was: worked out from a goal's record by pure functions, with no model."""

from loopwright.actors.faults.blame import blame_of as blame_of
from loopwright.actors.faults.fault import Blame as Blame
from loopwright.actors.faults.fault import Confirmation as Confirmation
from loopwright.actors.faults.fault import Contract as Contract
from loopwright.actors.faults.fault import Fault as Fault
from loopwright.actors.faults.fault import Point as Point
from loopwright.actors.faults.opinion import opinion_on as opinion_on
from loopwright.actors.faults.reading import read_record as read_record
from loopwright.actors.faults.recorded import GoalRecord as GoalRecord
from loopwright.actors.faults.recorded import record_of as record_of
from loopwright.actors.faults.sentences import why_of as why_of
