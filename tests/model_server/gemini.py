"""The environment that keeps the real `gemini` on loopback."""

from __future__ import annotations

import json
import os
from pathlib import Path

MODEL = "gemini-2.5-pro"
"""Named to it by every test: where none is, it asks a model which one to ask."""


def env_for_gemini(home: Path, url: str) -> dict[str, str]:
    """A whole environment under which `gemini` talks to `url` alone and writes below `home` alone.

    The way to log in stands in its settings: for a server of somebody's own it takes none from a variable.
    """
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"maxAttempts": 1, "enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
    }
    for name in (".gemini", "tmp"):
        (home / name).mkdir(exist_ok=True)
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),  # of each error of the API it leaves a report there
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_API_KEY": "no-real-key",
        "GEMINI_CLI_NO_RELAUNCH": "true",  # half the time of a start; a second process gains it memory alone
    }
