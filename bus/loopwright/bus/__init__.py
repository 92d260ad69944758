"""What the actors say to each other, and how it travels."""

from loopwright.bus.client import Goals as Goals
from loopwright.bus.client import Run as Run
from loopwright.bus.client import connect as connect
from loopwright.bus.connection import Bus as Bus
from loopwright.bus.errors import LoopwrightError as LoopwrightError
from loopwright.bus.messages import Evaluation as Evaluation
from loopwright.bus.messages import Failure as Failure
from loopwright.bus.messages import FailureClass as FailureClass
from loopwright.bus.messages import Goal as Goal
from loopwright.bus.messages import Limits as Limits
from loopwright.bus.messages import Outcome as Outcome
from loopwright.bus.messages import Result as Result
from loopwright.bus.messages import Status as Status
from loopwright.bus.messages import StepOrder as StepOrder
from loopwright.bus.messages import StopReason as StopReason
from loopwright.bus.messages import Usage as Usage
from loopwright.bus.messages import Verdict as Verdict
from loopwright.bus.opening import connect_bus as connect_bus
from loopwright.bus.subjects import Subject as Subject
from loopwright.bus.trajectory import Entry as Entry
from loopwright.bus.trajectory import Trajectory as Trajectory
