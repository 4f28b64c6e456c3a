"""A sow to measure: installed from a wheel into a virtual environment with nothing else in it.

An editable install, the `.pth` file of a setuptools or a console script by an
old pip each add to every start, so none of them is there. The environment is
kept in `.benchmarks/`; changed sources cost it only another wheel.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("orchestrator", "executors", "schemas", ".sow.example", "pyproject.toml", "README.md")
DONE = "installed"


@dataclass(frozen=True, slots=True)
class Installed:
    """The sow that is measured."""

    python: str
    """The interpreter's path; `python -c pass` is the yardstick called py."""
    sow: str
    version: str
    """Of the interpreter."""
    trouble: str = ""
    """Why it is not a fresh install from a wheel, for people; empty where it is."""


class NothingInstalled(Exception):
    """There is no sow to measure; the message says what was tried."""


@contextmanager
def installed(root: Path = ROOT) -> Iterator[Installed]:
    """The sow of the sources in `root`; no other benchmark runs while it is held.

    Where it can't be installed (no registry, say), the environment of this very
    interpreter is measured, and `trouble` says so. Raises NothingInstalled
    where that has no sow either.
    """
    cache = root / ".benchmarks"
    cache.mkdir(exist_ok=True)
    (cache / ".gitignore").write_text("*\n", encoding="utf-8")
    with open(cache / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            found = _fresh(root, cache)
        except subprocess.CalledProcessError as fault:
            found = _own(_last_line(fault))
        yield found


def _fresh(root: Path, cache: Path) -> Installed:
    venv = cache / "venv"
    base = f"{sys.version}\n{sys.base_prefix}\n{_hash([root / 'pyproject.toml'])}"
    wanted = f"{base}\n{_hash(root / name for name in SOURCES)}"
    held = _text(venv / DONE)
    if held != wanted:
        if not held.startswith(base):
            shutil.rmtree(venv, ignore_errors=True)
            _python("-m", "venv", "--without-pip", str(venv))
        # Without the mark a half-made environment is made anew by whoever comes next.
        (venv / DONE).unlink(missing_ok=True)
        _install(root, cache, venv, only_sow=held.startswith(base))
        (venv / DONE).write_text(wanted, encoding="utf-8")
    return _found(f"{venv}/bin")


def _install(root: Path, cache: Path, venv: Path, *, only_sow: bool) -> None:
    wheels = cache / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    built = ["--no-build-isolation"] if find_spec("hatchling") else []
    _pip("wheel", "--no-deps", *built, "--wheel-dir", str(wheels), str(root))
    again = ["--no-deps", "--force-reinstall"] if only_sow else []
    (wheel,) = wheels.glob("sow-*.whl")
    _pip("--python", f"{venv}/bin/python", "install", *again, str(wheel))


def _own(reason: str) -> Installed:
    folder = os.path.dirname(sys.executable)
    if not os.access(f"{folder}/sow", os.X_OK):
        raise NothingInstalled(f"sow can't be installed from its sources ({reason}), and {folder} has none")
    return _found(
        folder,
        f"sow can't be installed from a wheel ({reason}): measured is the one in {folder}, "
        "and its starts may cost more than an installed one's",
    )


def _found(folder: str, trouble: str = "") -> Installed:
    python = f"{folder}/python"
    return Installed(python, f"{folder}/sow", "CPython " + sys.version.split()[0], trouble)


def _hash(paths: Iterator[Path] | Sequence[Path]) -> str:
    """One name for the contents of files and folders; what Python compiles has no say."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                data = file.read_bytes()
                digest.update(f"{file.relative_to(path.parent)} {len(data)}\n".encode())
                digest.update(data)
    return digest.hexdigest()


def _pip(*words: str) -> None:
    _python("-m", "pip", "--quiet", "--disable-pip-version-check", *words)


def _python(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)


def _last_line(fault: subprocess.CalledProcessError) -> str:
    said = [line for line in f"{fault.stdout}\n{fault.stderr}".splitlines() if line.strip()]
    return said[-1].strip() if said else f"pip ended with {fault.returncode}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
