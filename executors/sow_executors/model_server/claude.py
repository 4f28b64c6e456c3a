"""How `claude` is kept on loopback."""

from __future__ import annotations

from collections.abc import Mapping

from sow_executors.extras import Offline


def offline(settings: Mapping[str, object], home: str, url: str, *, subscription: bool = True) -> Offline:
    """`claude` with `url` for its API; signed in as an account with usage limits, or else with an API key."""
    credential = "CLAUDE_CODE_OAUTH_TOKEN" if subscription else "ANTHROPIC_API_KEY"
    env = {
        "CLAUDE_CONFIG_DIR": f"{home}/.claude",
        "ANTHROPIC_BASE_URL": url,
        credential: "sk-ant-no-real-key",
        "IS_SANDBOX": "1",  # as root, in a container, it refuses to skip permissions otherwise
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
    }
    return Offline(env, settings=settings)
