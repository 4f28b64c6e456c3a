"""Which variables of the user's an agent gets to see.

A list of what passes, not of what is held back: an agent starts the same
whether sow was called from a shell, an editor, a git hook or another agent.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from functools import lru_cache

from sow import process

PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR"),
    *("LANG", "LANGUAGE", "LC_*", "TERM", "TERMINFO", "COLORTERM", "NO_COLOR"),
    *("XDG_*", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_TTY", "DBUS_SESSION_BUS_ADDRESS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "FTP_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy"),
    *("SSL_CERT_*", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *("GIT_SSH*", "GIT_SSL_CAINFO"),
    # Who commits, where a container or CI says so in the environment only. Never the dates.
    *("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"),
)
"""Glob patterns of what every agent gets.

VIRTUAL_ENV and PYTHONPATH are not among them: they belong to the folder that
sow was called in, and an agent works in another. A user who wants them names
them in the settings.
"""

DROPPED = (
    # What an outer agent leaves for its children: with it the inner one thinks it is a tool call.
    *("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_SESSION*"),
    *("CLAUDE_CODE_CHILD_SESSION", "CLAUDE_PROJECT_DIR", "CLAUDE_ENV_FILE"),
    *("CURSOR_AGENT", "CURSOR_TRACE_ID", "CODEX_*SANDBOX*", "CODEX_THREAD_ID", "GEMINI_CLI", "OPENCODE"),
    *("CODEX_CI", "CODEX_SESSION_ID", "CODEX_TOOL_CALL_ID"),
    # What git sets for a hook (git rev-parse --local-env-vars): an agent would commit to that repository.
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS"),
    *("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_*", "GIT_CONFIG_VALUE_*", "GIT_IMPLICIT_WORK_TREE"),
    *("GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE"),
    *("GIT_INTERNAL_SUPER_PREFIX", "GIT_QUARANTINE_PATH", "GIT_EXEC_PATH", "GIT_EDITOR"),
    "SOW_*",
)
"""Glob patterns of what never passes, whatever pattern would let it through."""


def build(outer: Mapping[str, str], patterns: Iterable[str], extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of an agent: of `outer` what passes, and all of `extra` over it.

    `patterns` are the globs, case-sensitive, that an executor and the user add
    to `PASSED`. `DROPPED` is stronger than both; `extra` is stronger than all.
    """
    basic, added, dropped = _pattern(PASSED), _pattern(tuple(patterns)), _pattern(DROPPED)
    # What names the outer agent's attempt was for that one alone: the server of its tools, for instance.
    theirs = outer.get(process.MARK) or "\0"
    passed = {
        name: value
        for name, value in outer.items()
        if (basic.match(name) or (added.match(name) and theirs not in value)) and not dropped.match(name)
    }
    return {**passed, **extra}


@lru_cache(maxsize=32)
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    """What matches a name as one of the globs does: a run asks for each of its turns, several times."""
    return re.compile("|".join(map(translate, globs)) or "(?!)")
