"""Who acts: orchestrators that decide, workers that make, evaluators that judge, and the loops they run."""

from loopwright.actors.at_work import tell_order as tell_order
from loopwright.actors.errors import Retriable as Retriable
from loopwright.actors.errors import StepFailed as StepFailed
from loopwright.actors.loop import Bounds as Bounds
from loopwright.actors.loop import Loop as Loop
from loopwright.actors.orchestrator import Orchestrator as Orchestrator
from loopwright.actors.person import Person as Person
from loopwright.actors.plan import Plan as Plan
from loopwright.actors.plan import PlannedStep as PlannedStep
from loopwright.actors.voting import Quorum as Quorum
from loopwright.actors.voting import Weighted as Weighted
from loopwright.actors.work import Attempt as Attempt
from loopwright.actors.work import Made as Made
from loopwright.actors.work import Step as Step
from loopwright.actors.work import Worker as Worker
from loopwright.actors.work import evaluator as evaluator
from loopwright.actors.work import worker as worker
from loopwright.actors.workplace import Workplace as Workplace
from loopwright.bus.messages import Verdict as Verdict
