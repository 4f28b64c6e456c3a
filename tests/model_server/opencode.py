"""The environment that keeps the real `opencode` on loopback."""

from __future__ import annotations

import json
import os
from pathlib import Path

MODEL = "mock/model"


def env_for_opencode(home: Path, url: str) -> dict[str, str]:
    """A whole environment under which `opencode` talks to `url` alone and writes below `home` alone."""
    model = {"name": "model", "tool_call": True, "limit": {"context": 200_000, "output": 8_000}}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": "no-real-key"},
        "models": {"model": {**model, "cost": {"input": 1, "output": 2}}},
    }
    # At its first start it fetches what plugins would need, and does without where it gets none.
    (home / ".npmrc").write_text("registry=http://127.0.0.1:9/\nfetch-retries=0\n")
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "OPENCODE_CONFIG_CONTENT": json.dumps({"provider": {"mock": provider}}),
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
    }
