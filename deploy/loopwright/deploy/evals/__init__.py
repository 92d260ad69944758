"""Suites of goals, run again and again: how often a loop succeeds, what it takes, and whether that has changed."""
