"""How actors become processes: command line, settings, screens."""
