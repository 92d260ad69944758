"""Text from strangers, as a terminal may show it."""

import json


def visible(text: str) -> str:
    """Return a stranger's text so that a terminal shows it, and does not obey it."""
    return "".join(each if each.isprintable() or each in "\n\t" else escaped(each) for each in text)


def escaped(character: str) -> str:
    """Return a character that cannot be seen as it is written in JSON."""
    return json.dumps(character)[1:-1]
