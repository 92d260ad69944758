"""Which candidates are worth building upon, though they do not pass."""

from loopwright.tools.program import CaseStatus, Survey, Trial

UNDECIDED = (CaseStatus.NOT_RUN, CaseStatus.SKIPPED)


class Standing:
    """What the tests said of the program as it was, to hold a candidate's trial against."""

    def __init__(self, survey: Survey) -> None:
        self._score = survey.score
        self._failing = {case.id for case in survey.failing}

    def gain(self, trial: Trial) -> float:
        """Return the share of the failing tests that a candidate mends, less what it breaks; 0 for no gain."""
        if trial.passed or trial.problem is not None or not self._failing:
            return 0.0
        mended = sum(case.status is CaseStatus.PASSED and case.id in self._failing for case in trial.cases)
        broken = sum(
            case.status not in (CaseStatus.PASSED, *UNDECIDED) and case.id not in self._failing for case in trial.cases
        )
        if mended > broken:
            return (mended - broken) / len(self._failing)
        return max(0.0, trial.score - self._score) if not trial.cases else 0.0
