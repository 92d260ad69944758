"""What agents can do to the world."""

from loopwright.tools.errors import Denied as Denied
from loopwright.tools.errors import Misuse as Misuse
from loopwright.tools.errors import ToolError as ToolError
from loopwright.tools.errors import ToolFailed as ToolFailed
from loopwright.tools.tool import Done as Done
from loopwright.tools.tool import IdempotencyKey as IdempotencyKey
from loopwright.tools.tool import NotDone as NotDone
from loopwright.tools.tool import Tool as Tool
from loopwright.tools.tool import tool as tool
