"""The agent that plays a script.

    script_agent.py (--session-id NEW | --resume KNOWN) --script FILE [--task ID] [--model NAME] < prompt
    script_agent.py --resume KNOWN --script FILE --terminal        a person types the prompts

It is run by its path under `python -I` and finds its package by that path. All it
does is in a module of its own: Python keeps no compiled form of a program.

Exit codes: 0 the turn came to its end; 1 it did not; 2 the script or the
arguments are invalid; 128 + n stopped by signal n; others as the script says.
"""

import gc
import os
import sys

gc.disable()  # a turn ends before there is any garbage to speak of

# Behind all else: it must only be found, never get between Python and its own modules.
sys.path.append(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from sow_executors.script_player import main  # noqa: E402 - the path comes first

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
