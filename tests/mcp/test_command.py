"""`sow mcp` in the hands of a person, and what its library costs nobody else."""

import subprocess
import sys
from pathlib import Path

from tests.cli.person import Terminal, environment

LEAN = """
import sys
from sow.mcp import library
assert not {"mcp.client", "mcp.server.mcpserver"} & set(sys.modules), sorted(sys.modules)
import mcp.server
assert mcp.server.Server is library.Server
"""


def test_on_a_terminal_it_says_whom_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    terminal = Terminal(tmp_path, environment(tmp_path / "home"), "mcp")
    terminal.sees("sow mcp talks to programs, and its input is a terminal")
    terminal.sees("claude mcp add sow -- sow mcp")


def test_a_server_loads_no_client_and_whoever_wants_the_library_has_all_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
