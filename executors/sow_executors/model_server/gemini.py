"""How `gemini` is kept on loopback."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sow_executors.extras import Offline

MODEL = "gemini-2.5-pro"
"""Always named to it: where none is, it asks a model which one to ask."""


def offline(settings: Mapping[str, object], home: str, url: str) -> Offline:
    """`gemini` with `url` for its API.

    The way to log in stands in its settings: for a server of somebody's own it takes none from a variable.
    """
    own = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"maxAttempts": 1, "enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
    }
    env = {
        "TMPDIR": home,  # of each error of the API it leaves a report there
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_API_KEY": "no-real-key",
        "GEMINI_MODEL": MODEL,  # over ACP there is no option for it
        "GEMINI_CLI_NO_RELAUNCH": "true",  # half the time of a start; a second process gains it memory alone
    }
    return Offline(env, {f"{home}/.gemini/settings.json": json.dumps(own)}, {"model": MODEL, **settings})
