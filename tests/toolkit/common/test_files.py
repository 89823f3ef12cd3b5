"""Whether a path can be written, known before a long computation."""

from __future__ import annotations

import pytest

from toolkit import DataError
from toolkit.common.files import check_writable, write_whole


def test_a_file_in_folders_that_are_missing_can_be_written_and_nothing_is_created_yet(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    check_writable(path)
    assert list(tmp_path.iterdir()) == []
    assert write_whole(path, "x").read_text() == "x"
    check_writable(path)
    assert path.read_text() == "x"


def test_a_folder_a_file_as_a_folder_and_a_name_that_no_disk_takes_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "c.txt", "/proc/no/c.txt", tmp_path / "a\0b", tmp_path / ("x" * 300)):
        with pytest.raises(DataError, match="can't be written: "):
            check_writable(path)
