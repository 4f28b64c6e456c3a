"""A file becomes a document, or an error that names it."""

import os
from pathlib import Path

import pytest

from sow.document import SIZE, BadDocument, parse, read_file


def test_a_canonical_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.yaml"
    path.write_bytes(b'id: "010"\nstatus: paused\n')
    document = read_file(str(path))
    assert document.canonical
    assert document.value == {"id": "010", "status": "paused"}
    assert document.text == path.read_text()


def test_a_file_that_people_wrote_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "state.yaml"
    path.write_bytes("\ufeffid: '010'\r\nstatus: paused # wait\r\n".encode())
    document = read_file(str(path))
    assert not document.canonical
    assert document.value == {"id": "010", "status": "paused"}
    assert document.text.encode() == path.read_bytes()


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(str(tmp_path / "none.yaml"))


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(BadDocument, match=r"task 010: is 104,857,600 bytes long"):
        read_file(str(path), "task 010")


def test_bytes_beyond_the_size_are_refused() -> None:
    assert parse(b"#" * SIZE, "a").value == {}
    with pytest.raises(BadDocument, match="bytes long"):
        parse(b"#" * (SIZE + 1), "a")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match="is a folder"):
        read_file(str(tmp_path))


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(BadDocument, match="is not a regular file"):
        read_file(str(path))


def test_a_file_that_the_system_refuses_is_a_bad_document(tmp_path: Path) -> None:
    path = tmp_path / "loop"
    path.symlink_to(path)
    with pytest.raises(BadDocument, match="can't be read: Too many levels"):
        read_file(str(path))


def test_reading_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "state.yaml"
    path.write_text("a: [\n")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(BadDocument):
            read_file(str(path))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_document_tells_the_place_of_a_field() -> None:
    assert parse(b"# x\na: 1\nb: [1, 2]\n", "f").place(("b", 1)) == (3, 8)
    assert parse(b"a:\n  b: 1\n", "f").place(("a", "b")) == (2, 3)


def test_an_error_says_the_file_the_line_and_the_column() -> None:
    with pytest.raises(BadDocument) as caught:
        parse(b"a: 1\na: 2\n", "010/state.yaml")
    assert str(caught.value) == "010/state.yaml:2:1: `a` stands here a second time"
    assert (caught.value.line, caught.value.column, caught.value.exit_code) == (2, 1, 4)
