"""What the doctor's tests share: a scene, and fake programs of agents."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sow.config import RepositoryConfig, UserConfig
from sow.doctor.finding import Finding
from sow.doctor.scene import Scene

HANGS = "sleep 60"
CLAUDE = """case "$*" in
--version) echo "2.1.329 (Claude Code)";;
"auth status") echo '{"loggedIn": true, "authMethod": "claude.ai"}';;
*) exit 9;;
esac"""
LOGGED_OUT = CLAUDE.replace("true", "false")
CURSOR = """case "$*" in
--version) echo 2026.10.01-5bd0a1c;;
status) echo "Not logged in";;
*) exit 9;;
esac"""


def program(folder: Path, name: str, script: str) -> str:
    """Puts a program into a folder for the PATH; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def scene(folder: Path, executors: dict[str, Any] | None = None, **env: str) -> Scene:
    """The scene outside of git of a person whose programs are in `folder`/bin."""
    bindings = (executors or {}).pop("bindings", {})
    user = UserConfig(str(folder / "config.yaml"), executors or {}, bindings)
    variables = {"PATH": f"{folder}/bin{os.pathsep}{os.defpath}", "HOME": str(folder), **env}
    return Scene(str(folder), variables, None, user, RepositoryConfig())


def lines(found: Iterable[Finding]) -> list[str]:
    """Findings as a person sees them: level, text, mend."""
    return [f"{one.level}: {one.text}{f' -> {one.mend}' if one.mend else ''}" for one in found]
