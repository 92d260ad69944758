"""A run as JUnit XML, which every CI server draws: one test a trial, what says nothing of the loop as an error."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from loopwright.deploy.evals.tally import Report, cases_of
from loopwright.deploy.evals.trials import Trial

FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold."""


def junit(report: Report, trials: Sequence[Trial]) -> str:
    """Return a run as one JUnit test suite."""
    total = report.total
    suite = ET.Element(
        "testsuite",
        name=report.suite,
        tests=str(total.trials),
        failures=str(total.decided - total.passed),
        errors=str(total.trials - total.decided),
        skipped="0",
        time=f"{sum(trial.seconds for trial in trials):.3f}",
    )
    figures = {f"pass^{k}": each for k, each in total.pass_all.items()}
    figures |= {f"pass@{k}": each for k, each in total.pass_at.items()}
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="run", value=report.run)
    for name, each in figures.items():
        ET.SubElement(properties, "property", name=name, value=f"{each.value:.4f}")
    for each_case in cases_of(trials).values():
        suite.extend(testcase(report.suite, trial) for trial in each_case)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def testcase(suite: str, trial: Trial) -> ET.Element:
    """Return a trial as a test."""
    name = f"{trial.case}[{trial.repetition}]"
    made = ET.Element("testcase", classname=suite, name=name, time=f"{trial.seconds:.3f}")
    if trial.apart is not None:
        ET.SubElement(made, "error", type=trial.apart.value, message=readable(trial.why or trial.reason))
    elif not trial.passed:
        failure = ET.SubElement(made, "failure", type=trial.reason, message=readable(trial.why))
        failure.text = readable(f"goal {trial.goal}, best score {trial.score:.2f} after {trial.attempts} attempts")
    return made


def readable(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return FORBIDDEN.sub("�", text)
