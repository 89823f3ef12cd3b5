"""Fetching data sets: from a server of our own, on this machine."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import socket
import threading
from typing import Any

import pytest

from recipes.digits import downloads
from recipes.digits.downloads import DATASETS, Dataset, data_folder, fetch, find
from toolkit.common.errors import DataError

CONTENT = {"a.gz": gzip.compress(b"pictures" * 5_000, mtime=0), "b.gz": gzip.compress(b"labels" * 900, mtime=0)}


class Server(http.server.ThreadingHTTPServer):
    """Holds the files, what it was asked for, and how the next answers break."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.breaks, self.ranges = dict(CONTENT), [], [], True


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the files, parts of them where asked, and does what the test has set."""

    def do_GET(self):
        server: Any = self.server
        asked = self.headers.get("Range")
        server.asked.append((self.path, asked))
        content = server.files.get(self.path.strip("/"))
        if content is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        breaks = server.breaks.pop(0) if server.breaks else None
        self.wfile.write(content[start:][:breaks])

    def log_message(self, format, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    served = Server()
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    sums = {name: hashlib.sha256(gzip.decompress(content)).hexdigest() for name, content in CONTENT.items()}
    place = f"http://127.0.0.1:{served.server_port}/"
    monkeypatch.setitem(DATASETS, "tiny", Dataset("Tiny", place, sums))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


def test_a_set_is_fetched_once_and_then_found(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGITKIT_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert find("tiny") is None
    said = []
    folder = fetch("tiny", say=said.append)
    assert folder == tmp_path / "tiny" == find("tiny")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert [line.split("/")[-1] for line in said] == ["a.gz", "b.gz"]
    assert fetch("tiny") == folder
    assert server.asked == [("/a.gz", None), ("/b.gz", None)]


def test_a_part_that_is_there_is_gone_on_with(server, tmp_path):
    (tmp_path / "a.gz.part").write_bytes(CONTENT["a.gz"][:40])
    fetch("tiny", tmp_path)
    assert server.asked[0] == ("/a.gz", "bytes=40-")
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]
    assert not list(tmp_path.glob("*.part"))


def test_a_connection_that_breaks_is_gone_on_with(server, tmp_path):
    server.breaks = [30, 20]
    fetch("tiny", tmp_path)
    assert server.asked[:3] == [("/a.gz", None), ("/a.gz", "bytes=30-"), ("/a.gz", "bytes=50-")]
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_a_connection_that_breaks_again_and_again_keeps_what_came(server, tmp_path):
    server.breaks = [10, 10, 10, 10]
    with pytest.raises(DataError, match=r"broke off 4 times .* 40 bytes are kept\. Try again"):
        fetch("tiny", tmp_path)
    assert (tmp_path / "a.gz.part").read_bytes() == CONTENT["a.gz"][:40]
    fetch("tiny", tmp_path)
    assert server.asked[4] == ("/a.gz", "bytes=40-")


def test_a_place_that_sends_no_parts_is_asked_for_all(server, tmp_path):
    server.ranges = False
    (tmp_path / "a.gz.part").write_bytes(CONTENT["a.gz"][:40])
    fetch("tiny", tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


@pytest.mark.parametrize("rubbish", [b"x" * 40, CONTENT["a.gz"] + b"too long"])
def test_a_part_of_something_else_is_fetched_anew(server, tmp_path, rubbish):
    (tmp_path / "a.gz.part").write_bytes(rubbish)
    fetch("tiny", tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_a_whole_part_is_only_checked(server, tmp_path):
    (tmp_path / "a.gz.part").write_bytes(CONTENT["a.gz"])
    fetch("tiny", tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(server, tmp_path):
    server.files["a.gz"] = gzip.compress(b"something else")
    with pytest.raises(
        DataError, match=f"not the file expected: .* {hashlib.sha256(b'something else').hexdigest()[:16]}"
    ):
        fetch("tiny", tmp_path)
    server.files["a.gz"] = b"<html>Sign in to the guests' network</html>"
    with pytest.raises(DataError, match="of no packed file"):
        fetch("tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_and_damaged_is_fetched_again(server, tmp_path):
    (tmp_path / "a.gz").write_bytes(CONTENT["a.gz"][:-9])
    fetch("tiny", tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_a_file_packed_in_another_way_is_right_by_its_content(server, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(gzip.decompress(CONTENT["a.gz"]), compresslevel=1))
    fetch("tiny", tmp_path)
    assert [path for path, _ in server.asked] == ["/b.gz"]


def test_a_place_that_refuses_says_so(server, tmp_path):
    del server.files["b.gz"]
    with pytest.raises(DataError, match=r"Tiny could not be fetched: .*/b\.gz answered 404"):
        fetch("tiny", tmp_path)
    assert (tmp_path / "a.gz").exists()


def test_without_a_connection_it_says_that_it_is_offline(server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="Tiny is not on this machine, and this machine is offline") as error:
        fetch("tiny", tmp_path, place=f"http://127.0.0.1:{port}")
    assert str(tmp_path) in str(error.value)


def test_a_folder_that_can_not_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be written"):
        fetch("tiny", tmp_path / "file" / "below")


def test_a_set_nobody_knows_is_refused():
    with pytest.raises(DataError, match="Did you mean 'fashion-mnist'"):
        fetch("fashion_mnist")


def test_the_users_cache_is_the_folder_where_no_other_is_named(monkeypatch):
    monkeypatch.delenv("LOGITKIT_DATA", raising=False)
    assert data_folder().name == "logitkit"
    monkeypatch.setenv("LOGITKIT_DATA", "")
    assert data_folder().name == "logitkit"


def test_a_set_below_the_working_directory_is_found_unpacked_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGITKIT_DATA", str(tmp_path / "none"))
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for name in DATASETS["mnist"].files:
        assert find("mnist") is None
        (folder / name.removesuffix(".gz")).write_bytes(b"")
    assert find("mnist") == downloads.Path("data/mnist")


def test_a_place_that_is_no_address_is_refused(tmp_path):
    with pytest.raises(DataError, match="place='nonsense': expected an address"):
        fetch("mnist", tmp_path, place="nonsense")
