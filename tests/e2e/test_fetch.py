"""A small wheel from the index that this machine's pip uses, and from a local
one behind a login, over the network: the bytes that pip gets."""

import base64
import functools
import hashlib
import http.server
import os
import pathlib
import socketserver
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_fetch_file"
WHEEL = "six-1.16.0-py2.py3-none-any.whl"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """What pip downloads: the folder and the digest."""
    folder = tmp_path_factory.mktemp("pip")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps",
         "--only-binary", ":all:", "-d", folder, "six==1.16.0"],
        check=True,
    )
    data = (folder / WHEEL).read_bytes()
    return folder, hashlib.sha256(data).hexdigest()


def fetch(store, digest, environment):
    """The url and the bytes that the tool got, or its error text."""
    result = subprocess.run(
        [TOOL, store, "Six", WHEEL, digest],
        capture_output=True, text=True, env=environment, cwd="/",
    )
    if result.returncode:
        assert result.returncode == 3, result.stderr
        return result.stderr
    url, path = result.stdout.splitlines()
    return url, pathlib.Path(path).read_bytes()


def clean(**more):
    """The environment, without what configures an index."""
    kept = {
        key: value for key, value in os.environ.items()
        if not key.startswith(("UV_", "PIP_"))
    }
    return kept | more


def test_the_index_of_this_machine(wheel, tmp_path):
    folder, digest = wheel
    url, data = fetch(tmp_path, digest, dict(os.environ))
    assert url.endswith(WHEEL)
    assert data == (folder / WHEEL).read_bytes()


def test_the_default_of_the_installed_program(wheel, tmp_path):
    if {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"} & set(os.environ):
        pytest.skip("this machine has an index of its own")
    folder, digest = wheel
    url, data = fetch(tmp_path, digest, clean(PIP_CONFIG_FILE="/dev/null"))
    assert url.startswith("https://")
    assert data == (folder / WHEEL).read_bytes()


def test_another_hash_is_not_on_the_index(tmp_path):
    text = fetch(tmp_path, "0" * 64, dict(os.environ))
    assert f"'{WHEEL}' with the expected hash; asked: " in text


class Login(http.server.SimpleHTTPRequestHandler):
    """Serves a folder to those who have the login."""

    def do_GET(self):
        wanted = "Basic " + base64.b64encode(b"user:secret").decode()
        if self.headers.get("Authorization") == wanted:
            return super().do_GET()
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def private_index(wheel, tmp_path):
    """An index behind a login, on a port of this machine."""
    folder, digest = wheel
    page = tmp_path / "site/simple/six"
    page.mkdir(parents=True)
    (tmp_path / "site" / WHEEL).write_bytes((folder / WHEEL).read_bytes())
    (page / "index.html").write_text(
        f'<a href="../../{WHEEL}#sha256={digest}">{WHEEL}</a>'
    )
    handler = functools.partial(Login, directory=tmp_path / "site")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_private_index(wheel, private_index, tmp_path):
    folder, digest = wheel
    store = tmp_path / "store"
    bare = f"http://{private_index}/simple"
    text = fetch(store, digest, clean(UV_DEFAULT_INDEX=bare))
    assert "the server answers 401 (it wants a login)" in text
    assert "~/.netrc" in text
    login = f"http://user:secret@{private_index}/simple"
    url, data = fetch(store, digest, clean(PIP_INDEX_URL=login))
    assert url == f"http://{private_index}/{WHEEL}"
    assert data == (folder / WHEEL).read_bytes()


def test_a_private_index_with_netrc(wheel, private_index, tmp_path):
    folder, digest = wheel
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    bare = f"http://{private_index}/simple"
    _, data = fetch(tmp_path / "store", digest,
                    clean(UV_DEFAULT_INDEX=bare, NETRC=str(netrc)))
    assert data == (folder / WHEEL).read_bytes()
