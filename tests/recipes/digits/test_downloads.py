"""Downloads of data sets, from a server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recipes.digits.downloads import DATASETS, RemoteDataset, data_folder, fetch, find
from toolkit.common.errors import DataError

CONTENT = {"a.gz": gzip.compress(b"pictures" * 5_000, mtime=0), "b.gz": gzip.compress(b"labels" * 900, mtime=0)}


class Server(http.server.ThreadingHTTPServer):
    """Holds the files, the requests so far, and after how many bytes the next answers break off."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.breaks, self.ranges = dict(CONTENT), [], [], True


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the files or parts of them, as the test has set it up."""

    def do_GET(self):
        server: Any = self.server
        requested = self.headers.get("Range")
        server.requests.append((self.path, requested))
        content = server.files.get(self.path.strip("/"))
        if content is None:
            self.send_error(404)
            return
        start = int(requested.removeprefix("bytes=").removesuffix("-")) if requested and server.ranges else 0
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
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def tiny(server):
    sums = {name: hashlib.sha256(gzip.decompress(content)).hexdigest() for name, content in CONTENT.items()}
    return RemoteDataset("Tiny", f"http://127.0.0.1:{server.server_port}", sums)


def test_a_data_set_is_downloaded_once_and_then_found(server, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGITKIT_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert find(tiny) is None
    lines = []
    folder = fetch(tiny, say=lines.append)
    assert folder == tmp_path / "tiny" == find(tiny)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert [line.split("/")[-1] for line in lines] == ["a.gz", "b.gz"]
    assert fetch(tiny) == folder
    assert server.requests == [("/a.gz", None), ("/b.gz", None)]


def test_a_partial_download_is_continued(server, tiny, tmp_path):
    (tmp_path / "a.gz.part").write_bytes(CONTENT["a.gz"][:40])
    fetch(tiny, tmp_path)
    assert server.requests[0] == ("/a.gz", "bytes=40-")
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]
    assert not list(tmp_path.glob("*.part"))


def test_a_download_continues_after_a_broken_connection(server, tiny, tmp_path):
    server.breaks = [30, 20]
    fetch(tiny, tmp_path)
    assert server.requests[:3] == [("/a.gz", None), ("/a.gz", "bytes=30-"), ("/a.gz", "bytes=50-")]
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_after_four_broken_connections_the_part_is_kept(server, tiny, tmp_path):
    server.breaks = [10, 10, 10, 10]
    with pytest.raises(DataError, match=r"Tiny is not on this machine.*try again .what has arrived is kept.*Tiny into"):
        fetch(tiny, tmp_path)
    assert (tmp_path / "a.gz.part").read_bytes() == CONTENT["a.gz"][:40]
    fetch(tiny, tmp_path)
    assert server.requests[4] == ("/a.gz", "bytes=40-")


def test_a_server_without_parts_sends_the_whole_file(server, tiny, tmp_path):
    server.ranges = False
    (tmp_path / "a.gz.part").write_bytes(CONTENT["a.gz"][:40])
    fetch(tiny, tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


@pytest.mark.parametrize("rubbish", [b"x" * 40, CONTENT["a.gz"] + b"too long"])
def test_a_part_of_another_file_is_downloaded_again(server, tiny, tmp_path, rubbish):
    (tmp_path / "a.gz.part").write_bytes(rubbish)
    fetch(tiny, tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_a_complete_part_is_only_checked(server, tiny, tmp_path):
    (tmp_path / "a.gz.part").write_bytes(CONTENT["a.gz"])
    fetch(tiny, tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_a_file_with_a_wrong_checksum_is_refused_and_deleted(server, tiny, tmp_path):
    server.files["a.gz"] = gzip.compress(b"something else")
    with pytest.raises(
        DataError, match=f"not the expected file: .* {hashlib.sha256(b'something else').hexdigest()[:16]}"
    ):
        fetch(tiny, tmp_path)
    server.files["a.gz"] = b"<html>Sign in to the guests' network</html>"
    with pytest.raises(DataError, match="its content has no gzip format"):
        fetch(tiny, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_downloaded_again(server, tiny, tmp_path):
    (tmp_path / "a.gz").write_bytes(CONTENT["a.gz"][:-9])
    fetch(tiny, tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_the_checksum_is_that_of_the_decompressed_content(server, tiny, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(gzip.decompress(CONTENT["a.gz"]), compresslevel=1))
    fetch(tiny, tmp_path)
    assert [path for path, _ in server.requests] == ["/b.gz"]


def test_the_answer_of_a_server_that_refuses_is_reported(server, tiny, tmp_path):
    del server.files["b.gz"]
    with pytest.raises(DataError, match=r"/b\.gz can't be downloaded: HTTP Error 404"):
        fetch(tiny, tmp_path)
    assert (tmp_path / "a.gz").exists()


def test_without_a_connection_the_error_says_where_to_put_the_files(server, tiny, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match=r"Tiny is not on this machine.*Connection refused") as error:
        fetch(replace(tiny, url=f"http://127.0.0.1:{port}"), tmp_path)
    assert str(tmp_path) in str(error.value)


def test_a_server_that_stays_silent_is_asked_once(tiny, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DataError, match="can't be downloaded: timed out"):
            fetch(replace(tiny, url=address), tmp_path, timeout=0.2)
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host/a", "host/a"])
def test_only_web_addresses_are_downloaded_from(tiny, url):
    with pytest.raises(DataError, match="https://"):
        replace(tiny, url=url)


def test_a_folder_that_can_not_be_written_is_named(server, tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be written"):
        fetch(tiny, tmp_path / "file" / "below")


def test_an_unknown_data_set_is_refused():
    with pytest.raises(DataError, match="Did you mean 'fashion-mnist'"):
        fetch("fashion_mnist")


def test_the_default_folder_is_the_users_cache(monkeypatch):
    monkeypatch.delenv("LOGITKIT_DATA", raising=False)
    assert data_folder().name == "logitkit"
    monkeypatch.setenv("LOGITKIT_DATA", "")
    assert data_folder().name == "logitkit"


def test_decompressed_files_in_the_working_directory_are_found_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGITKIT_DATA", str(tmp_path / "none"))
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for name in DATASETS["mnist"].files:
        assert find("mnist") is None
        (folder / name.removesuffix(".gz")).write_bytes(b"")
    assert find("mnist") == Path("data/mnist")
