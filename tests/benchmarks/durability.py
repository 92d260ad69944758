"""What each row of the reference job's table has made durable when the next call starts: compare like with like."""

import re

FILE = "in the server's file: survives kill -9 of anything, not a power cut"
SYNCED = "synced: survives a power cut"
EVENT = "the event only, no state of a loop; "
NOTHING = "nothing"
DURABILITY = {
    "loopwright": f"everything, {FILE}",
    "loopwright-sync": f"everything, each write {SYNCED}",
    "raw-jschain": EVENT + FILE,
    "raw-jschain-sync": f"{EVENT}each write {SYNCED}",
    "faststream": EVENT + FILE,
    "faststream-sync": f"{EVENT}each write {SYNCED}",
    "taskiq": EVENT + FILE,
    "restate": f"a journal entry a call, several {SYNCED}",
    "langgraph-sqlite": f"a checkpoint a call, {SYNCED}; one process",
    "langgraph-pg": f"a checkpoint a call, {SYNCED}; one process",
    "langgraph-pg-x2": f"a checkpoint a call, {SYNCED}; nobody goes on with what a dead process had begun",
    "dbos-sqlite": f"a row a call, {SYNCED}; one process",
    "dbos-pg": f"a row a call, {SYNCED}; one process",
    "dbos-pg-queue": f"a row a call, {SYNCED}",
    "celery": "the task in Redis, synced every second",
    "dramatiq": "the task in Redis, synced every second",
    "autogen-local": NOTHING,
    "autogen-grpc": NOTHING,
    "ray": NOTHING,
    "raw-reqrep": NOTHING,
    "raw-jspub": EVENT + FILE,
}


def durability_of_rows(table: str) -> str:
    """Return a table in Markdown that says it for each row of another."""
    names = dict.fromkeys(re.findall(r"^\| ([a-z0-9-]+) \|", table, flags=re.M))
    rows = [f"| {name} | {DURABILITY[name]} |" for name in names if name in DURABILITY]
    return "\n".join(["| peer | durable when the next call starts |", "|---|---|", *rows])
