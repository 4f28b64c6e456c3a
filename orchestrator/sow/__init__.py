"""sow drives coding agents through a project of tasks and loses nothing.

Nothing is imported here: every `sow` command passes through this file, and
the quick ones cost little more than the interpreter's own start.
"""

__version__ = "0.1.0"
