"""The environment that keeps the real `codex` on loopback."""

from __future__ import annotations

import os
from pathlib import Path

MODEL = "mock-model"


def env_for_codex(home: Path, url: str) -> dict[str, str]:
    """A whole environment under which `codex` talks to `url` alone and writes below `home` alone.

    Its address stands in Codex's own settings below `home`, and holds for what is started from now on.
    """
    folder = home / ".codex"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(
        f"""\
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

# The tests' folders are temporary ones, which a sandbox would leave open.
[sandbox_workspace_write]
exclude_slash_tmp = true
exclude_tmpdir_env_var = true
"""
    )
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "CODEX_HOME": str(folder),
        "OPENAI_MOCK_KEY": "no-real-key",
    }
