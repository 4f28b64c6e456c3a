"""What an ACP agent offers to choose from: ways to log in, modes, models; as newer and older ones tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sow_executors.acp_library import AGENT_METHODS
from sow_executors.lines import table, tables, words


def logins(told: Mapping[str, Any]) -> list[str]:
    """The ids of the ways to log in, of the answer to `initialize`."""
    return [name for way in tables(told.get("authMethods")) if (name := words(way.get("id")))]


def _option(session: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    """The setting of a category that a session offers: how newer agents name modes and models."""
    offered = tables(session.get("configOptions"))
    return next((o for o in offered if what in (o.get("category"), o.get("id"))), {})


_OLD = {"mode": ("modes", "availableModes", "id", "currentModeId"),
        "model": ("models", "availableModels", "modelId", "currentModelId")}  # fmt: skip
"""How agents name them else: the table, its list, the key of an id, the key of the one that holds."""


def current(session: Mapping[str, Any], what: str) -> str:
    """The `mode` or `model` of a session, by the answer that opened it; empty where it is not told."""
    name, _, _, key = _OLD[what]
    held = table(session.get(name))
    return words(_option(session, what).get("currentValue")) or words(held.get(key))


def offered(session: Mapping[str, Any], what: str) -> list[str]:
    """The modes or models that may be set."""
    name, listed, key, _ = _OLD[what]
    choices = tables(_option(session, what).get("options"))
    flat = [each for choice in choices for each in (tables(choice.get("options")) or [choice])]
    found = [words(each.get("value")) for each in flat]
    found = found or [words(each.get(key)) for each in tables(table(session.get(name)).get(listed))]
    return [value for value in found if value]


def setting(session: Mapping[str, Any], what: str, wanted: str, own: str) -> tuple[str, dict[str, Any]]:
    """The method that sets a mode or a model, and its parameters. `own`: the session's id."""
    if option := _option(session, what):
        return AGENT_METHODS["session_set_config_option"], {
            "sessionId": own, "configId": words(option.get("id")), "value": wanted,
        }  # fmt: skip
    _, _, key, _ = _OLD[what]
    return f"session/set_{what}", {"sessionId": own, f"{what}Id" if key == "id" else key: wanted}
