"""The limits of the user's accounts: one pool an account, for all projects and runs of this user.

    $XDG_STATE_HOME/sow/limits/lock
    $XDG_STATE_HOME/sow/limits/<executor type>-<fingerprint>.json

Of what decides whose account it is (a folder, a profile, a key) only a
fingerprint is kept. A file that can't be read tells nothing, and is written
over by the next one who knows better: what is lost is one vain start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import sow_schemas
from sow import files
from sow.clock import seconds, stamp
from sow.errors import BadFile
from sow.pool import Met, Pool, Try, Warned

if TYPE_CHECKING:
    from sow_schemas import documents

POOL_BYTES = 1 << 20
"""The most bytes that the file of a pool may have."""

_SUFFIX = ".json"


def fingerprint(kind: str, whose: tuple[str, ...]) -> str:
    """The name of an account: of the executor's type and of what decides whose it is, be it secret."""
    import hashlib

    digest = hashlib.sha256(json.dumps([kind, *whose]).encode("utf-8", "surrogatepass")).hexdigest()
    safe = "".join(c if c.isalnum() or c in "_." else "_" for c in kind.lower())
    return f"{safe}-{digest[:16]}"


class Accounts:
    """The pools of one user."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        state = environment.get("XDG_STATE_HOME", "")
        if not os.path.isabs(state):  # the XDG specification has us ignore such a one
            state = f"{environment.get('HOME') or os.path.expanduser('~')}/.local/state"
        self.folder = f"{state}/sow/limits"
        self._read: dict[str, tuple[tuple[int, int, int], Pool]] = {}

    def pool(self, account: str) -> Pool:
        """What is known of an account."""
        path = self._path(account)
        try:
            there = os.stat(path)
        except OSError:
            return Pool(account)
        # Asked for at every start: what has not changed is not read again.
        version = (there.st_mtime_ns, there.st_ino, there.st_size)
        if (known := self._read.get(account)) is None or known[0] != version:
            known = self._read[account] = (version, _read(path, account))
        return known[1]

    def all(self, now: float) -> list[Pool]:
        """What is known of every account; nothing of those of which all is over."""
        try:
            names = sorted(files.names(self.folder))
        except BadFile:
            return []
        accounts = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX) and name[0] != "."]
        pools = (self.pool(account).forget(now) for account in accounts)
        return [pool for pool in pools if not pool.is_empty]

    def change(self, account: str, change: Callable[[Pool], Pool], now: float) -> Pool:
        """Changes a pool under its lock and writes it, if that makes a difference. Raises Failed, Busy."""
        path = self._path(account)
        files.make_folder(self.folder)
        with files.Lock(f"{self.folder}/lock"):
            before = _read(path, account)
            after = change(before.forget(now))
            if after.is_empty:
                with suppress(FileNotFoundError):
                    os.unlink(path)
            elif after != before:
                value = _document(after)
                if not sow_schemas.valid("limit_pool", value):
                    raise ValueError(f"no valid pool: {value}")
                files.write(path, json.dumps(value, indent=1) + "\n", mode=0o600)
        return after

    def _path(self, account: str) -> str:
        return f"{self.folder}/{account}{_SUFFIX}"


def _read(path: str, account: str) -> Pool:
    try:
        value: Any = json.loads(files.contents(path, POOL_BYTES))
        if sow_schemas.valid("limit_pool", value) and value["account"] == account:
            return _pool(value)
    except (FileNotFoundError, BadFile, ValueError, RecursionError):
        pass
    return Pool(account)


def _pool(held: documents.LimitPool) -> Pool:
    return Pool(
        account=held["account"],
        executor=held["executor"],
        limits=tuple(map(_met, held["limits"])),
        warnings=tuple(map(_warned, held["warnings"])),
        tries=tuple(Try(one["folder"], one["task"]) for one in held["tries"]),
        next_start=seconds(held["next_start"]) if "next_start" in held else 0.0,
    )


def _met(held: documents.MetLimit) -> Met:
    return Met(
        limit=held["limit"],
        met_at=seconds(held["met_at"]),
        until=seconds(held["until"]),
        told=held["told"],
        model=held.get("model", ""),
        setting=held["setting"],
    )


def _warned(held: documents.LimitWarned) -> Warned:
    return Warned(
        limit=held["limit"],
        told_at=seconds(held["told_at"]),
        mark=held["mark"],
        used=held.get("used"),
        resets_at=seconds(held["resets_at"]) if "resets_at" in held else None,
        model=held.get("model", ""),
    )


def _document(pool: Pool) -> dict[str, Any]:
    held: dict[str, Any] = {
        "account": pool.account,
        "executor": pool.executor,
        "limits": [
            {
                "limit": one.limit, "model": one.model or None, "setting": one.setting,
                "met_at": stamp(one.met_at), "until": stamp(one.until), "told": one.told,
            }
            for one in pool.limits
        ],
        "warnings": [
            {
                "limit": one.limit, "model": one.model or None, "used": one.used, "mark": one.mark,
                "resets_at": None if one.resets_at is None else stamp(one.resets_at),
                "told_at": stamp(one.told_at),
            }
            for one in pool.warnings
        ],
        "tries": [{"folder": one.folder, "task": one.task} for one in pool.tries],
        "next_start": stamp(pool.next_start) if pool.next_start else None,
    }  # fmt: skip
    document: dict[str, Any] = _without_none(held)
    return document


def _without_none(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_none(one) for key, one in value.items() if one is not None}
        case list():
            return [_without_none(one) for one in value]
    return value
