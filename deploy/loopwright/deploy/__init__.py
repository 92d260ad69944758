"""How actors become processes: command line, settings, screens."""

import importlib
import sys

if not {"rich", "structlog"} & sys.modules.keys():
    # structlog draws in rich, for tracebacks that show variables: ours never do. Without it a process starts an eighth
    # sooner and takes 4 MB less. What has a screen imports rich itself.
    sys.modules["rich"] = None  # type: ignore[assignment]
    importlib.import_module("structlog")
    del sys.modules["rich"]
