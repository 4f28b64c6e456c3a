"""Settings: the user's own (which executor plays which role) and the repository's.

environment  SOW_AGENTS_IMPLEMENTER=cursor      first
the user     ~/.config/sow/config.yaml          then
defaults     `claude-code`, of type claude      last
"""

from sow.config.executor import ExecutorChoice, bad_settings, command_of, executor_of
from sow.config.repository import RepositoryConfig
from sow.config.user import UserConfig, user_path

__all__ = [
    "ExecutorChoice",
    "RepositoryConfig",
    "UserConfig",
    "bad_settings",
    "command_of",
    "executor_of",
    "user_path",
]
