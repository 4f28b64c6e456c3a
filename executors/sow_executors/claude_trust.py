"""Marks one folder as trusted in Claude Code's own configuration, and changes nothing else there.

A terminal session in a folder that Claude has not seen begins with a question
whose preselected answer ends it. sow made the folder, so sow answers it.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_STALE_SECONDS = 10.0
"""After as long, Claude itself takes a lock for one whose holder died."""
_PATIENCE_SECONDS = 15.0


def trust(folder: str, env: Mapping[str, str]) -> bool:
    """Trusts `folder` under the configuration that `env` names; tells whether that was news.

    Raises OSError (TimeoutError where another program holds on to the file), and
    ValueError where the configuration is not a JSON object.
    """
    home = env.get("CLAUDE_CONFIG_DIR") or env.get("HOME") or str(Path.home())
    # Through a link, as people keep their dot files: the link stays, its target is written.
    path = Path(os.path.realpath(Path(home) / ".claude.json"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        config = _load(path)
        projects = config.setdefault("projects", {})
        ours = projects.setdefault(os.path.realpath(folder), {}) if isinstance(projects, dict) else None
        if not isinstance(ours, dict):
            raise ValueError(f"{path}: `projects` is not a table of tables")
        if ours.get("hasTrustDialogAccepted") is True:
            return False
        ours["hasTrustDialogAccepted"] = True
        _replace(path, json.dumps(config, indent=2, ensure_ascii=False))
    return True


def _load(path: Path) -> dict[str, object]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} is not a JSON object")
    return config


def _replace(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".sow")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, mode)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The lock that Claude takes for the same file: a folder `<path>.lock`, stale by its age."""
    lock = Path(f"{path}.lock")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            lock.mkdir()
            break
        except FileExistsError:
            with suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > _STALE_SECONDS:
                    with suppress(OSError):
                        lock.rmdir()
                    continue
            if time.monotonic() > deadline:
                raise TimeoutError(f"another program holds {lock}") from None
            # Held for milliseconds by a living holder, and no event tells of its end in time.
            time.sleep(0.02)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            lock.rmdir()
