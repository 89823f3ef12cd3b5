"""Files: whether a path can be written, known before a long computation, and how files are written."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from toolkit import DataError
from toolkit.common import files
from toolkit.common.files import check_writable, is_stream, open_whole, scratch, user_path, write_together, write_whole


def test_a_file_in_folders_that_are_missing_can_be_written_and_nothing_is_created_yet(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    check_writable(path)
    assert list(tmp_path.iterdir()) == []
    assert write_whole(path, "x").read_text() == "x"
    check_writable(path)
    assert path.read_text() == "x"


def test_a_folder_a_file_as_a_folder_and_a_name_that_no_disk_takes_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    bad = [tmp_path, tmp_path / "file" / "c.txt", "/proc/no/c.txt", tmp_path / "a\0b", tmp_path / ("x" * 300)]
    for path in [*bad, tmp_path / "new" / ("x" * 300), tmp_path / "circle"]:
        with pytest.raises(DataError, match="can't be written: "):
            check_writable(path)
        with pytest.raises(DataError, match="could not be written: "):
            write_whole(path, "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["circle", "file", "new"]


@pytest.mark.parametrize("length", [1, 250, 255])
def test_a_name_of_any_length_that_the_disk_takes_is_written(tmp_path, length):
    for name in ("x" * length, "ä" * (length // 2) or "ä"):
        check_writable(tmp_path / name)
        assert write_whole(tmp_path / name, name).read_text() == name
    assert len(list(tmp_path.iterdir())) == 2


def test_the_home_folder_has_its_short_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    check_writable("~/a.txt")
    assert write_whole("~/a.txt", "x") == tmp_path / "a.txt"
    assert (tmp_path / "a.txt").read_text() == "x"


def test_links_are_followed_and_stay_links(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real.txt").write_text("before")
    (tmp_path / "near.txt").symlink_to("again.txt")
    (tmp_path / "again.txt").symlink_to(tmp_path / "far" / "real.txt")
    (tmp_path / "dangling.txt").symlink_to("far/new.txt")
    write_whole(tmp_path / "near.txt", "after")
    write_whole(tmp_path / "dangling.txt", "new")
    assert (tmp_path / "far" / "real.txt").read_text() == "after"
    assert (tmp_path / "far" / "new.txt").read_text() == "new"
    assert all((tmp_path / name).is_symlink() for name in ("near.txt", "again.txt", "dangling.txt"))


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_keeps_its_permissions_and_a_new_file_gets_the_usual_ones(tmp_path, mode):
    old, new, usual = tmp_path / "old", tmp_path / "new", tmp_path / "usual"
    old.write_text("x")
    old.chmod(mode)
    usual.write_text("x")
    write_whole(old, "y")
    write_whole(new, "y")
    assert stat.S_IMODE(old.stat().st_mode) == mode
    assert new.stat().st_mode == usual.stat().st_mode


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is write-protected for root")
def test_a_write_protected_file_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    path.chmod(0o444)
    with pytest.raises(DataError, match="write-protected"):
        check_writable(path)


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for path in (pipe, tmp_path / "link"):
        check_writable(path)
        read: list[bytes] = []
        reader = threading.Thread(target=lambda read=read: read.append(pipe.read_bytes()))
        reader.start()
        write_whole(path, "x" * 200_000)
        reader.join()
        assert read == [b"x" * 200_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert len(list(tmp_path.iterdir())) == 2


def test_devices_are_written_to():
    before = os.stat("/dev/null")
    check_writable("/dev/null")
    write_whole("/dev/null", "x")
    assert os.path.samestat(os.stat("/dev/null"), before)
    assert is_stream("/dev/full")
    with pytest.raises(DataError, match="/dev/full could not be written: No space left"):
        write_whole("/dev/full", "x")


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("to_file", [False, True])
def test_the_standard_output_is_written_to_in_order(tmp_path, path, to_file):
    (tmp_path / "link").symlink_to("/dev/stdout")
    code = (
        "import sys; from toolkit.common.files import *\n"
        "print('before'); check_writable(sys.argv[1]); write_whole(sys.argv[1], 'middle\\n'); print('after')"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(files.__file__)))
    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", code, path],
            stdout=out if to_file else subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": root},
            cwd=tmp_path,
            check=True,
        )
    text = (tmp_path / "out").read_text() if to_file else done.stdout.decode()
    assert text == "before\nmiddle\nafter\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out"]


def test_of_files_that_belong_together_none_changes_where_one_cannot_be_written(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "a.html"
    first.write_text("before")
    second.mkdir()
    with pytest.raises(DataError, match=r"a\.html could not be written"):
        write_together({first: "after", second: "after"})
    assert first.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_is_in_use_stays(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from toolkit.common.files import scratch\n"
        "with scratch(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('x'); print('ready', flush=True); time.sleep(60)"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(files.__file__)))
    environment = os.environ | {"PYTHONPATH": root}
    killed = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert killed.stdout.readline() == "ready\n"
    with scratch(tmp_path) as busy:
        assert len(list(tmp_path.iterdir())) == 2, "the other process still uses its folder"
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        killed.stdout.close()
        write_whole(tmp_path / "next.txt", "x")
        assert sorted(tmp_path.iterdir()) == sorted([busy, tmp_path / "next.txt"])
    assert list(tmp_path.iterdir()) == [tmp_path / "next.txt"]


def test_many_writers_of_one_file_leave_the_content_of_one_of_them(tmp_path):
    path, errors = tmp_path / "a", []

    def write(text):
        try:
            for _ in range(30):
                write_whole(path, text * 1000)
        except DataError as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(text,)) for text in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    assert path.read_text() in {text * 1000 for text in "abcd"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", [None, 5, True, b"a.txt", "", ["a.txt"]])
def test_only_names_of_files_are_paths(path):
    for function in (user_path, check_writable, lambda path: write_whole(path, "")):
        with pytest.raises(DataError, match="expected the name of a file, such as"):
            function(path)


def test_a_file_written_in_pieces_is_moved_to_its_path_at_the_end_or_never(tmp_path):
    path = tmp_path / "a" / "rows.csv"
    with open_whole(path) as file:
        file.write(b"old\n")
        assert not path.exists()
    path.chmod(0o640)

    def fail(error):
        with open_whole(path) as file:
            file.write(b"new\n")
            raise error

    for error in (KeyboardInterrupt, DataError, OSError(28, "No space left on device")):
        with pytest.raises((KeyboardInterrupt, DataError)):
            fail(error)
        assert (path.read_bytes(), [entry.name for entry in path.parent.iterdir()]) == (b"old\n", ["rows.csv"])
    with open_whole(path) as file:
        file.write(b"new\n")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new\n", 0o640)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_is_an_error_and_a_reader_that_went_away_is_none_of_ours():
    with pytest.raises(DataError, match="No space left on device"), open_whole("/dev/full") as file:
        file.write(b"x" * 100_000)
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError), open_whole(f"/dev/fd/{writer}") as file:
        file.write(b"x" * 100_000)
    os.close(writer)
