"""How `codex` is kept on loopback: by settings of its own."""

from __future__ import annotations

from collections.abc import Mapping

from sow_executors.extras import Offline

MODEL = "mock-model"


def offline(settings: Mapping[str, object], home: str, url: str) -> Offline:
    """`codex` with `url` for its provider. A profile of the user's would name another one."""
    env = {"CODEX_HOME": f"{home}/.codex", "OPENAI_MOCK_KEY": "no-real-key"}
    own = {key: value for key, value in settings.items() if key != "profile"}
    return Offline(env, {f"{home}/.codex/config.toml": _config(url)}, own)


def _config(url: str) -> str:
    return f"""\
model = "{MODEL}"
model_provider = "mock"
check_for_update_on_startup = false

[model_providers.mock]
name = "mock"
base_url = "{url}/v1"
env_key = "OPENAI_MOCK_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1

[analytics]
enabled = false

[features]
plugins = false

# Rehearsals are held in temporary folders, which a sandbox would leave open.
[sandbox_workspace_write]
exclude_slash_tmp = true
exclude_tmpdir_env_var = true
"""
