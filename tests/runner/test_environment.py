"""An agent gets what it needs of the user's environment, and nothing of its surroundings."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sow.runner.environment import DROPPED, PASSED, build
from sow_executors import catalog

NAMES = some.sampled_from([*PASSED, *DROPPED]).map(lambda glob: glob.replace("*", "X")) | some.text()


def test_what_an_agent_needs_passes() -> None:
    outer = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "LC_ALL": "C",
        "XDG_CONFIG_HOME": "/c",
        "https_proxy": "http://p",
        "GIT_SSH_COMMAND": "ssh -v",
    }
    assert build(outer, (), {}) == outer


def test_what_an_executor_asks_for_passes_by_its_pattern() -> None:
    outer = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "o", "AWS_SECRET_ACCESS_KEY": "s"}
    assert build(outer, ("ANTHROPIC_*",), {}) == {"ANTHROPIC_API_KEY": "k"}


def test_an_agent_in_an_agent_in_a_git_hook_does_not_learn_of_it() -> None:
    outer = {
        "CLAUDECODE": "1",
        "CLAUDE_CODE_ENTRYPOINT": "cli",
        "CLAUDE_CODE_SSE_PORT": "1",
        "CLAUDE_CODE_SESSION_ID": "x",
        "CURSOR_AGENT": "1",
        "CODEX_SANDBOX": "seatbelt",
        "CODEX_SANDBOX_NETWORK_DISABLED": "1",
        "CODEX_SESSION_ID": "x",
        "CODEX_CI": "1",
        "GIT_DIR": "/elsewhere/.git",
        "GIT_INDEX_FILE": "index",
        "SOW_ATTEMPT_ID": "a-1",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "9",
    }
    assert build(outer, ("*",), {}) == {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "9"}


def test_what_sow_told_an_outer_agent_for_its_attempt_does_not_reach_an_inner_one() -> None:
    outer = {
        "SOW_ATTEMPT_ID": "010-1-1-0f0f0f0f",
        "OPENCODE_CONFIG_CONTENT": '{"mcp": {"sow": {"env": {"SOW_ATTEMPT_ID": "010-1-1-0f0f0f0f"}}}}',
        "GEMINI_CLI_SYSTEM_DEFAULTS_PATH": "/r/attempts/010-1-1-0f0f0f0f/tools.json",
        "OPENCODE_CONFIG": "/home/ada/opencode.json",
    }
    assert build(outer, ("OPENCODE_*", "GEMINI_*"), {}) == {"OPENCODE_CONFIG": "/home/ada/opencode.json"}


def test_a_virtual_environment_is_the_callers_and_passes_only_if_named() -> None:
    outer = {"VIRTUAL_ENV": "/v", "PYTHONPATH": "/p"}
    assert build(outer, (), {}) == {}
    assert build(outer, ("VIRTUAL_ENV",), {}) == {"VIRTUAL_ENV": "/v"}


@given(some.dictionaries(NAMES, some.text()), some.lists(NAMES), some.dictionaries(NAMES, some.text()))
def test_nothing_is_made_up_and_what_is_set_is_set(
    outer: dict[str, str], patterns: list[str], extra: dict[str, str]
) -> None:
    made = build(outer, patterns, extra)
    assert made.items() <= {**outer, **extra}.items()
    assert extra.items() <= made.items()
    assert not [name for name in made if name.startswith("SOW_") and name not in extra]


EVERY_AGENT = (
    "PATH HOME USER LOGNAME SHELL TZ TMPDIR LANG LANGUAGE LC_TIME TERM TERMINFO COLORTERM NO_COLOR "
    "XDG_DATA_HOME SSH_AUTH_SOCK SSH_AGENT_PID GPG_TTY DBUS_SESSION_BUS_ADDRESS "
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY FTP_PROXY http_proxy https_proxy all_proxy no_proxy ftp_proxy "
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS "
    "GIT_SSH GIT_SSH_COMMAND GIT_SSL_CAINFO "
    "GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL EMAIL"
)
NO_AGENT = (
    "CLAUDECODE CLAUDE_CODE_ENTRYPOINT CLAUDE_CODE_SSE_PORT CLAUDE_CODE_SESSION_ID "
    "CLAUDE_CODE_CHILD_SESSION CLAUDE_PROJECT_DIR CLAUDE_ENV_FILE CURSOR_AGENT CURSOR_TRACE_ID "
    "CODEX_SANDBOX CODEX_SANDBOX_NETWORK_DISABLED CODEX_THREAD_ID CODEX_CI CODEX_SESSION_ID "
    "CODEX_TOOL_CALL_ID GEMINI_CLI OPENCODE SOW_ATTEMPT_ID SOW_TASK_ID SOW_RUN_ID "
    "GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_PREFIX GIT_NAMESPACE GIT_OBJECT_DIRECTORY "
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG GIT_CONFIG_PARAMETERS GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 "
    "GIT_CONFIG_VALUE_0 GIT_IMPLICIT_WORK_TREE GIT_GRAFT_FILE GIT_SHALLOW_FILE GIT_NO_REPLACE_OBJECTS "
    "GIT_REPLACE_REF_BASE GIT_INTERNAL_SUPER_PREFIX GIT_QUARANTINE_PATH GIT_EXEC_PATH GIT_EDITOR"
)
OF_A_CLI = {
    "claude": "ANTHROPIC_API_KEY ANTHROPIC_BASE_URL CLAUDE_CONFIG_DIR CLAUDE_CODE_OAUTH_TOKEN "
    "CLAUDE_CODE_USE_BEDROCK CLAUDE_CODE_MAX_OUTPUT_TOKENS CLAUDE_CODE_DISABLE_TERMINAL_TITLE "
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH CLAUDE_CODE_API_KEY_HELPER_TTL_MS CLAUDE_CODE_CLIENT_CERT API_TIMEOUT_MS "
    "AWS_BEARER_TOKEN_BEDROCK AWS_PROFILE AWS_REGION BASH_DEFAULT_TIMEOUT_MS BASH_MAX_OUTPUT_LENGTH "
    "CLOUD_ML_REGION DISABLE_TELEMETRY IS_SANDBOX MAX_MCP_OUTPUT_TOKENS MAX_THINKING_TOKENS MCP_TIMEOUT "
    "MCP_TOOL_TIMEOUT VERTEX_REGION_CLAUDE",
    "codex": "CODEX_HOME CODEX_SQLITE_HOME CODEX_API_KEY CODEX_ACCESS_TOKEN CODEX_CA_CERTIFICATE "
    "OPENAI_API_KEY AZURE_OPENAI_API_KEY",
    "gemini": "GEMINI_API_KEY GOOGLE_CLOUD_PROJECT CODE_ASSIST_ENDPOINT CLOUD_SHELL",
    "cursor": "CURSOR_API_KEY CURSOR_CONFIG_DIR",
    "opencode": "OPENCODE_API_KEY OPENCODE_AUTH_CONTENT OPENCODE_AUTO_SHARE OPENCODE_CONFIG "
    "OPENCODE_CONFIG_CONTENT OPENCODE_DISABLE_AUTOUPDATE OPENCODE_ENABLE_EXA OPENCODE_EXPERIMENTAL "
    "OPENCODE_MODELS_URL OPENCODE_PERMISSION ANTHROPIC_API_KEY AWS_PROFILE AZURE_API_KEY CEREBRAS_API_KEY "
    "CLOUDFLARE_API_TOKEN DEEPSEEK_API_KEY FIREWORKS_API_KEY GEMINI_API_KEY GITHUB_TOKEN GITLAB_TOKEN "
    "GOOGLE_CLOUD_PROJECT GROQ_API_KEY HF_TOKEN MISTRAL_API_KEY MOONSHOT_API_KEY OPENAI_API_KEY "
    "OPENROUTER_API_KEY TOGETHER_API_KEY",
}


@pytest.mark.parametrize("cli", OF_A_CLI)
def test_an_agent_gets_these_and_none_of_what_an_outer_one_left(cli: str) -> None:
    own, others = OF_A_CLI[cli].split(), [name for each in OF_A_CLI.values() for name in each.split()]
    outer = {name: name for name in [*EVERY_AGENT.split(), *NO_AGENT.split(), *own]}
    made = build(outer, catalog.get(cli).environment, {})
    assert sorted(made) == sorted([*EVERY_AGENT.split(), *own])
    assert build(outer, ("*",), {}).keys() & set(NO_AGENT.split()) == set()
    # One's key is none of another's business, but opencode's, which calls any of their models.
    keys = {name for name in others if name.endswith(("_KEY", "_TOKEN"))} - set(own)
    seen = build(dict.fromkeys(keys, "1"), catalog.get(cli).environment, {})
    assert seen == {} or cli == "opencode"
