"""The half of the bench that lives inside the sandbox, under the program's own interpreter.

It needs Python 3.9 and the standard library, and imports nothing of Loopwright. It goes by a private name in
``sys.modules`` (see ``__main__``), so its files import each other relatively: a program may well have its own
``harness``, ``server`` or ``lines``.
"""
