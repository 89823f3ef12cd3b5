"""Downloads of data sets, from a server on this machine."""

from __future__ import annotations

import contextlib
import gc
import gzip
import hashlib
import http.server
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recipes.digits.downloads import DATASETS, RemoteDataset, data_folder, fetch, find
from toolkit.common.errors import DataError

CONTENT = {"a.gz": gzip.compress(b"pictures" * 5_000, mtime=0), "b.gz": gzip.compress(b"labels" * 900, mtime=0)}


class Server(http.server.ThreadingHTTPServer):
    """Holds the files, the requests so far, after how many bytes the next answers break off, and an odd answer."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.breaks, self.ranges = dict(CONTENT), [], [], True
        self.odd = None


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the files or parts of them, as the test has set it up."""

    def do_GET(self):
        server: Any = self.server
        requested = self.headers.get("Range")
        server.requests.append((self.path, requested))
        if server.odd is not None:
            status, headers, body = server.odd
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)
            return
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
    server.files["a.gz"] = gzip.compress(b"something else", mtime=0)
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
    (tmp_path / "a.gz").write_bytes(gzip.compress(gzip.decompress(CONTENT["a.gz"]), compresslevel=1, mtime=0))
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


def test_two_at_once_download_each_file_once(server, tiny, tmp_path):
    threads = [threading.Thread(target=fetch, args=(tiny, tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.requests == [("/a.gz", None), ("/b.gz", None)]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == CONTENT


@contextlib.contextmanager
def slow_server(answer, pause):
    """Yield the address of a server that sends one answer, a byte at a time."""

    def send():
        connection = listener.accept()[0]
        with connection, contextlib.suppress(OSError):
            connection.recv(1 << 16)
            for byte in answer:
                connection.sendall(bytes([byte]))
                if done.wait(pause):
                    break

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=send)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        done.set()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "pause", "message"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"X-Slow: y\r\n" * 99, 0.03, r"no complete answer within 0\.6 s"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(999), 0.005, "less than 1,000 bytes a second come"),
    ],
)
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(tiny, tmp_path, monkeypatch, answer, pause, message):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    start = time.monotonic()
    with (
        slow_server(answer, pause) as url,
        pytest.raises(DataError, match=f"can't be downloaded: {message}"),
    ):
        fetch(replace(tiny, url=url), tmp_path, timeout=0.3)
    assert time.monotonic() - start < 5


# urllib leaves the connection open where an address can't be parsed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("status", "headers", "body", "message"),
    [
        (302, {"Location": "file:///etc/passwd"}, b"", "Redirection to url 'file:///etc/passwd' is not allowed"),
        (302, {"Location": "ftp://127.0.0.1/a"}, b"", "redirection to ftp://127.0.0.1/a is not allowed"),
        (302, {"Location": "/a.gz"}, b"", "redirect error that would lead to an infinite loop"),
        (302, {"Location": "http://[bad"}, b"", "Invalid IPv6 URL"),
        (302, {}, b"", "HTTP Error 302"),
        (407, {}, b"", "HTTP Error 407"),
        (200, {"Content-Length": "-5"}, b"<html>", "its content has no gzip format"),
        (200, {"Content-Length": "many"}, b"<html>", "its content has no gzip format"),
        (200, {"Content-Encoding": "gzip"}, b"<html>", "its content has no gzip format"),
        (200, {"Content-Length": "9"}, CONTENT["a.gz"], "its content has no gzip format"),
        (200, {}, gzip.compress(CONTENT["a.gz"], mtime=0), "its content has the SHA-256"),
        (204, {}, b"", "its content has the SHA-256"),
        (200, {"Transfer-Encoding": "chunked"}, b"zz\r\n", "IncompleteRead"),
    ],
)
def test_odd_answers_are_one_clear_line(tiny, server, tmp_path, status, headers, body, message):
    server.odd = (status, headers, body)
    with pytest.raises(DataError, match=message) as error:
        fetch(tiny, tmp_path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "a.gz").exists()
    gc.collect()


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Length": "-5"}, {"Content-Length": "999999"}, {"Content-Encoding": "gzip"}]
)
def test_the_checksum_decides_where_headers_are_odd(tiny, server, tmp_path, headers):
    server.odd = (200, headers, CONTENT["a.gz"])
    fetch(replace(tiny, files={"a.gz": tiny.files["a.gz"]}), tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_a_file_without_end_is_not_kept(tiny, server, tmp_path):
    server.odd = (200, {}, bytes(2**27 + 2**20))
    with pytest.raises(DataError, match="more than 134,217,728 bytes come, which is not the expected file"):
        fetch(tiny, tmp_path)
    assert (tmp_path / "a.gz.part").stat().st_size == 0


def test_a_proxy_that_does_not_answer_is_named_without_its_password(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", "http://user:secret@127.0.0.1:9")
    with pytest.raises(DataError, match=r"Check the connection, the proxy 127\.0\.0\.1:9 and try again") as error:
        fetch(replace(tiny, url="http://sets.invalid"), tmp_path)
    assert "secret" not in str(error.value)


def test_the_cache_takes_the_place_of_a_folder_that_can_not_be_written(server, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGITKIT_DATA", "/proc/sets")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lines = []
    folder = fetch(tiny, say=lines.append)
    assert folder == tmp_path / "logitkit" / "tiny" == find(tiny)
    assert lines[0].startswith("/proc/sets/tiny/a.gz can't be written: ")
    assert lines[0].endswith(f": {folder} is used.")
