"""A stand-in for `claude -p` that keeps its contract, but for the lies that its own name tells.

    claude-honest, claude-forgets-idle ... --session-id ID | --resume ID < prompt

It does what the turns of `sow executor check` ask for, with no model: says the word, remembers it by its
session, runs the command. Lies are the keys of `LIES`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

LIES = {
    "honest": "none",
    "forgets": "a session that goes on knows nothing of what was said before",
    "elsewhere": "it works in another session than in that it was told",
    "fails": "it ends with an error",
    "mute": "it ends without a result",
    "lingers": "it does not exit after its result",
    "deaf": "it does not end at a TERM",
    "leaves": "it leaves a process behind that bears no mark",
    "idle": "it says that it used its tool, which came back with an error",
    "free": "it names a price for the first turn alone",
    "eager": "it never waits for its command",
}

STRAY = ("sleep", "61")


def main() -> None:
    lies = Path(sys.argv[0]).name.split("-")
    opening = next(word for word in ("--session-id", "--resume") if word in sys.argv)
    session = sys.argv[sys.argv.index(opening) + 1]
    told = session if "elsewhere" not in lies else session[::-1]
    memory = Path(os.environ["HOME"]) / f".liar-{session}"
    prompt = sys.stdin.read()
    if "deaf" in lies:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "fails" in lies:
        sys.exit("error: unknown option '--verbose'")
    tell(type="system", subtype="init", session_id=told, model="liar-1", claude_code_version="0")
    if found := re.search(r"heron-\w+", prompt):
        memory.write_text(found[0])
    knows = memory.exists() and not ("forgets" in lies and opening == "--resume")
    word = memory.read_text() if knows else "what?"
    if command := re.search(r"`(.+?)`", prompt):
        run(command[1], lies)
    say(type="text", text=word)
    if "mute" in lies:
        return
    usage = {"liar-1": {"inputTokens": 10, "outputTokens": 2}}
    if "free" not in lies or opening == "--session-id":
        usage["liar-1"]["costUSD"] = 0.25  # type: ignore[assignment]
    result = {"subtype": "success", "is_error": False, "result": word, "session_id": told, "num_turns": 1}
    tell(type="result", **result, **({"model_usage_since_last_result": usage} if usage else {}))
    if "lingers" in lies:
        time.sleep(60)


def run(command: str, lies: list[str]) -> None:
    say(type="tool_use", id="t1", name="Bash", input={"command": command})
    if "leaves" in lies and "sleep" in command:
        subprocess.Popen(STRAY, env={}, start_new_session=True)
    if "eager" not in lies or "sleep" not in command:
        subprocess.run(["sh", "-c", command], stdout=subprocess.DEVNULL, check=False)
    back = {"type": "tool_result", "tool_use_id": "t1", "content": "", "is_error": "idle" in lies}
    tell(type="user", message={"content": [back]})


def say(**block: object) -> None:
    tell(type="assistant", message={"content": [block]})


def tell(**event: object) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    main()
