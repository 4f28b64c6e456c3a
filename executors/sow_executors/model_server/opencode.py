"""How `opencode` is kept on loopback: by a provider of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sow_executors.extras import Offline

MODEL = "mock/model"


def offline(settings: Mapping[str, object], home: str, url: str) -> Offline:
    """`opencode` with `url` for its only provider, so that a model of the user's is none there."""
    model = {"name": "model", "tool_call": True, "limit": {"context": 200_000, "output": 8_000}}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": "no-real-key"},
        "models": {"model": {**model, "cost": {"input": 1, "output": 2}}},
    }
    env = {
        "OPENCODE_CONFIG_CONTENT": json.dumps({"model": MODEL, "provider": {"mock": provider}}),
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        # A third of its start goes into reading the list of all the world's models that it brings along.
        "OPENCODE_MODELS_PATH": f"{home}/models.json",
    }
    # What plugins would need it fetches where it is not there, at each start until it got it.
    installed = {"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}}
    folder = f"{home}/.config/opencode"
    files = {
        f"{home}/models.json": "{}",
        f"{folder}/package-lock.json": json.dumps(installed),
        f"{folder}/node_modules/none": "",
    }
    unseen = dict.fromkeys(("usage limit", "limit's end"), "it tries again by itself, for minutes")
    return Offline(env, files, {**settings, "model": MODEL}, unseen=unseen)
