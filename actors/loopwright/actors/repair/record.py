"""What is on record of a repair so far: the baseline's survey, the proposals, and what the tests found."""

from dataclasses import dataclass, field

from pydantic import ValidationError

from loopwright.actors.errors import Retriable, StepFailed
from loopwright.actors.repair.task import Baseline, Findings, Program, Proposal
from loopwright.actors.work import Step
from loopwright.bus.messages import Evaluation, FailureClass, Result
from loopwright.bus.subjects import Subject
from loopwright.bus.trajectory import Entry, Trajectory, last_said
from loopwright.tools.program import Survey

JUDGE = "test"
NO_BASELINE = "the program was not tested as it stands: no baseline on record"


@dataclass
class Record:
    """A repair's record, read as far as it goes."""

    survey: Survey | None = None
    proposals: dict[int, Proposal] = field(default_factory=dict[int, Proposal])
    findings: dict[int, Findings] = field(default_factory=dict[int, Findings])
    feedback: dict[int, str] = field(default_factory=dict[int, str])

    def take(self, entry: Entry) -> int | None:
        """Take in one entry, and return the attempt of which it tells something new."""
        message = entry.message
        if isinstance(message, Result):
            return self._take_result(message)
        if isinstance(message, Evaluation) and message.judge == JUDGE:
            return self._take_evaluation(message)
        return None

    def _take_result(self, result: Result) -> int:
        if result.failure is None:
            self.proposals[result.attempt] = Proposal.model_validate(result.output)
        else:
            self.feedback[result.attempt] = result.failure.message
        return result.attempt

    def _take_evaluation(self, evaluation: Evaluation) -> int:
        self.feedback[evaluation.attempt] = evaluation.feedback
        if evaluation.failure is not None:
            return evaluation.attempt
        if evaluation.attempt == 0:
            self.survey = Baseline.model_validate(evaluation.evidence).survey
        else:
            self.findings[evaluation.attempt] = Findings.model_validate(evaluation.evidence)
        return evaluation.attempt

    async def read(self, trajectory: Trajectory) -> list[int]:
        """Take in all that is new on record, and return the attempts of which it tells.

        Raises:
            StepFailed: the record is not that of a repair.
        """
        try:
            told = [self.take(entry) for entry in await trajectory.so_far()]
        except ValidationError as error:
            raise StepFailed(FailureClass.UNREADABLE, f"the record of the repair cannot be read: {error}") from error
        return [attempt for attempt in told if attempt is not None]

    def surveyed(self) -> Survey:
        """Return the baseline's survey.

        Raises:
            StepFailed: it is not on record.
        """
        if self.survey is None:
            raise StepFailed(FailureClass.MISSING, NO_BASELINE)
        return self.survey


async def surveyed(step: Step[Program]) -> Survey:
    """Return the baseline's survey without reading the rest of the record.

    Raises:
        StepFailed: the baseline could not be judged, or cannot be read.
        Retriable: it is not on record, or not yet for us to see.
    """
    bus = step.bus
    subject = Subject.of("eval", ns=bus.ns, goal=step.goal, step=step.order.step, attempt=0, judge=JUDGE)
    stored = await last_said(bus, subject, step.order.prefix)
    if stored is None:
        raise Retriable(NO_BASELINE, wait=0.2)
    evaluation = await bus.message(Evaluation, stored)
    if evaluation is None or evaluation.failure is not None:
        raise StepFailed(FailureClass.MISSING, NO_BASELINE)
    try:
        return Baseline.model_validate(evaluation.evidence).survey
    except ValidationError as error:
        raise StepFailed(FailureClass.UNREADABLE, f"the baseline cannot be read: {error}") from error
