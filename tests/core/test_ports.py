"""Two live tasks never have a port in common, and of what has ended every port is free again."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.forked import code_of

from sow import ports
from sow.errors import Failed, Refused
from sow.layout import Layout
from sow.ports import Block


class Machine:
    """A user's machine with projects on it, whose tasks are nothing but their state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"XDG_STATE_HOME": str(folder / "state"), "HOME": "/nowhere"}

    def project(self, name: str) -> Layout:
        layout = Layout(main=str(self.folder / name), folder=str(self.folder / name), name=name)
        Path(layout.project).mkdir(parents=True)
        Path(layout.project_file).write_text(f"name: {name}\n")
        return layout

    def task(self, layout: Layout, task_id: str, status: str = "pending", phase: str = "work") -> None:
        folder = Path(layout.task(phase, task_id))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state.yaml").write_text(f"status: {status}\n")

    def lease(self, layout: Layout, task_id: str, count: int = 10) -> Block:
        return ports.lease(layout, task_id, count, self.env)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    # What listens on the machine of the tests is no business of theirs.
    monkeypatch.setattr(ports, "listening", set)
    return Machine(tmp_path)


def test_a_task_keeps_its_block_and_no_other_task_has_a_port_of_it(machine: Machine) -> None:
    one, two = machine.project("one"), machine.project("two")
    for layout, task_id in ((one, "010"), (one, "020"), (two, "010")):
        machine.task(layout, task_id)
    blocks = [
        machine.lease(layout, task_id) for layout, task_id in ((one, "010"), (one, "020"), (two, "010"))
    ]
    assert len({port for block in blocks for port in block.numbers}) == 30
    assert machine.lease(one, "010") == blocks[0] == ports.of(one, "010", machine.env)
    assert machine.lease(one, "010", 3) == Block(blocks[0].first, 3)
    assert machine.lease(one, "010", 11).first not in {port for block in blocks for port in block.numbers}
    assert ports.of(two, "020", machine.env) is None


@pytest.mark.parametrize("end", ["completed", "abandoned", "removed", "project gone", "another project"])
def test_the_block_of_a_task_that_ended_or_is_gone_is_free(machine: Machine, end: str) -> None:
    one, two = machine.project("one"), machine.project("two")
    machine.task(one, "010")
    machine.task(two, "010")
    first = machine.lease(one, "010")
    match end:
        case "removed":
            Path(one.task_file("work", "010")).unlink()
        case "project gone":
            os.rename(one.folder, f"{one.folder}.gone")
        case "another project":
            Path(one.project_file).write_text("name: other\n")
        case _:
            machine.task(one, "010", end)
    assert machine.lease(two, "010") == first


@pytest.mark.parametrize("still", ["in_progress", "paused", "needs_review", "broken", "moved"])
def test_the_block_of_a_task_that_may_go_on_is_not_free(machine: Machine, still: str) -> None:
    one, two = machine.project("one"), machine.project("two")
    machine.task(one, "010")
    machine.task(two, "010")
    first = machine.lease(one, "010")
    match still:
        case "broken":
            Path(one.task_file("work", "010")).write_text("status: [\n")
        case "moved":
            os.renames(one.task("work", "010"), one.task("review", "010"))
        case _:
            machine.task(one, "010", still)
    assert not set(machine.lease(two, "010").numbers) & set(first.numbers)


def test_a_port_on_which_something_listens_is_passed_over(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    layout = machine.project("one")
    machine.task(layout, "010")
    with (
        socket.socket() as one,
        socket.socket(socket.AF_INET6) as two,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        free = ports.choose(3, ports.listening())
        assert free is not None
        one.bind(("127.0.0.1", free))
        one.listen()
        two.bind(("::1", free + 1))
        two.listen()
        udp.bind(("127.0.0.1", free + 2))
        assert {free, free + 1, free + 2} <= ports.listening()
        assert not {free, free + 1, free + 2} & set(machine.lease(layout, "010").numbers)


def test_what_the_kernel_gives_away_is_passed_over() -> None:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert ports._given_by_kernel() == set(range(low, high + 1))


def test_without_room_it_is_refused_and_nothing_is_noted(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = machine.project("one")
    machine.task(layout, "010")
    monkeypatch.setattr(ports, "listening", lambda: set(range(20000, 32768, 5)))
    with pytest.raises(Refused, match="no 5 ports in a row"):
        machine.lease(layout, "010", 5)
    assert [path.name for path in (machine.folder / "state/sow/ports").iterdir()] == ["lock"]
    assert machine.lease(layout, "010", 4) == Block(20001, 4)


def test_a_file_that_nobody_can_read_and_one_of_another_machine_are_passed_over(machine: Machine) -> None:
    layout = machine.project("one")
    machine.task(layout, "010")
    block = machine.lease(layout, "010")
    folder = machine.folder / "state/sow/ports"
    (mine,) = folder.glob("*.json")
    (folder / "elsewhere-20000.json").write_text(mine.read_text())
    mine.write_text("{")
    assert ports.of(layout, "010", machine.env) is None
    assert machine.lease(layout, "010") == block
    assert json.loads(mine.read_text())["task"] == "010"


def test_a_folder_that_cannot_be_made_is_told(machine: Machine) -> None:
    (machine.folder / "state").write_text("in the way")
    with pytest.raises(Failed, match="can't write"):
        machine.lease(machine.project("one"), "010")


MANY = """
import sys
from sow import ports
from sow.layout import Layout
for number in range(8):
    task = f"{int(sys.argv[2]) * 10 + number:03}"
    layout = Layout(main=sys.argv[1], folder=sys.argv[1], name="one")
    print(*ports.lease(layout, task, 7, {"XDG_STATE_HOME": sys.argv[1] + "/state"}).numbers)
"""


def test_many_at_once_get_ports_of_their_own(machine: Machine) -> None:
    layout = machine.project("one")
    for number in range(40):
        machine.task(layout, f"{number:03}")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, layout.main, str(number)], env=env, stdout=subprocess.PIPE,
            text=True, preexec_fn=code_of(MANY, [layout.main, str(number)], env),
        )
        for number in range(4)
    ]  # fmt: skip
    numbers = [port for one in started for port in one.communicate()[0].split()]
    assert len(numbers) == len(set(numbers)) == 4 * 8 * 7


@given(st.integers(1, 9), st.sets(st.integers(100, 140)))
def test_the_lowest_place_with_room_is_chosen(count: int, taken: set[int]) -> None:
    among = range(100, 140)
    room = [port for port in among if port + count <= 140 and not taken & set(range(port, port + count))]
    assert ports.choose(count, taken, among) == (room[0] if room else None)


def test_a_block_is_told_as_variables() -> None:
    assert Block(20000, 2).variables() == {
        "SOW_PORT_0": "20000", "SOW_PORT_1": "20001", "SOW_PORT_COUNT": "2",
    }  # fmt: skip
