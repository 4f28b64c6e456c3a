"""Whether Gemini finds somebody logged in: by its variables and files, in the order in which it looks.

It has no command that tells it without a turn. What is in a keyring, or in a
`.env` file that it reads, can't be seen from here, and then nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sow_executors.extras import Login

_CHOSEN = re.compile(r'"selectedType"\s*:\s*"([\w-]+)"')
"""The way to log in, in settings that may hold comments, so that they are no JSON."""


def login(env: Mapping[str, str]) -> Login:
    """Whether somebody is logged in under the environment `env`. Raises nothing."""
    home = env.get("GEMINI_CLI_HOME") or env.get("HOME")
    if not home:
        return Login(None)
    folder = Path(home) / ".gemini"
    found = _CHOSEN.search(_text(folder / "settings.json"))
    chosen = found[1] if found else _by_variables(env)
    match chosen:
        case "gemini-api-key" if env.get("GEMINI_API_KEY"):
            return Login(True, "api_key from GEMINI_API_KEY")
        case "vertex-ai" if env.get("GOOGLE_API_KEY"):
            return Login(True, "api_key from GOOGLE_API_KEY")
        case "vertex-ai" if env.get("GOOGLE_CLOUD_PROJECT") and env.get("GOOGLE_CLOUD_LOCATION"):
            return Login(True, "project of GOOGLE_CLOUD_PROJECT")
        case "oauth-personal" if env.get("GEMINI_FORCE_ENCRYPTED_FILE_STORAGE") != "true":
            there = (folder / "oauth_creds.json").is_file()
            return Login(there, "account" if there else "")
        case "":
            may_hold_a_key = any((place / ".env").is_file() for place in (folder, Path(home)))
            return Login(None if may_hold_a_key else False)
        case _:
            return Login(None)


def _by_variables(env: Mapping[str, str]) -> str:
    """The way that the variables choose where the settings choose none; empty for none."""
    if env.get("GOOGLE_GENAI_USE_GCA") == "true":
        return "oauth-personal"
    if env.get("GOOGLE_GENAI_USE_VERTEXAI") == "true":
        return "vertex-ai"
    if env.get("GOOGLE_GEMINI_BASE_URL"):
        return "gateway"
    if env.get("GEMINI_API_KEY"):
        return "gemini-api-key"
    return "compute" if "true" in (env.get("CLOUD_SHELL"), env.get("GEMINI_CLI_USE_COMPUTE_ADC")) else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
