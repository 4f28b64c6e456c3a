"""What `import sow` gives: everything that can be done at the command line, as operations with types.

The command line is written on it, and so is whatever else speaks for a person or a worker. Nothing here
prints, ends the process, or looks at the folder that the process stands in: who calls, from where and with
which variables, is handed in once (`sow.api.caller`). Nothing is imported here, for a worker's quick
commands pass through this file (docs/adr/0002).
"""
