"""Downloads from a server whose certificate is of a private CA, as company
networks have: with the CA named they come, without it the message says how."""

import hashlib
import os
import pathlib
import ssl
import subprocess

import pytest

from conftest import tool
from simple_index import SimpleIndex
from wheel_maker import make_wheel

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
FETCH = BUILD / "tests/unit/tool_fetch_file"


@pytest.fixture(scope="module")
def private_ca(tmp_path_factory):
    """The CA's file, and a key with a certificate of it for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("ca")
    openssl = tool("openssl")

    def run(*arguments):
        subprocess.run([openssl, *arguments], cwd=folder, check=True,
                       capture_output=True)

    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=private CA",
        "-addext", "basicConstraints=critical,CA:TRUE")
    run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem",
        "-out", "request.pem", "-subj", "/CN=index")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    run("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey",
        "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names",
        "-out", "certificate.pem")
    return folder


@pytest.fixture
def index(private_ca, tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel = make_wheel(folder, "ours", "1.0", {"ours.py": "x = 1\n"})
    index = SimpleIndex(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(private_ca / "certificate.pem",
                            private_ca / "key.pem")
    index.server.socket = context.wrap_socket(index.server.socket,
                                              server_side=True)
    yield index, pathlib.Path(wheel)
    index.close()


def fetch(index, wheel, store, **environment):
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith(("UV_", "PIP_", "SSL_", "CURL_"))}
    return subprocess.run(
        [FETCH, store, "ours", wheel.name, digest], text=True,
        capture_output=True, cwd="/", timeout=120,
        env={**kept, "UV_DEFAULT_INDEX": f"https://{index.host}/simple/",
             **environment})


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "CURL_CA_BUNDLE"])
def test_a_private_ca_is_honoured(index, private_ca, tmp_path, variable):
    result = fetch(*index, tmp_path / "store",
                   **{variable: str(private_ca / "ca.pem")})
    assert result.returncode == 0, result.stderr
    path = pathlib.Path(result.stdout.splitlines()[1])
    assert path.read_bytes() == index[1].read_bytes()


def test_without_it_the_message_says_how(index, tmp_path):
    result = fetch(*index, tmp_path / "store")
    assert result.returncode == 3
    assert "certificate" in result.stderr
    assert "name their file in SSL_CERT_FILE" in result.stderr
    assert not any(kind != "GET" for kind, *_ in index[0].requests)
    assert index[0].requests == []


def test_a_missing_ca_file_is_named(index, tmp_path):
    absent = tmp_path / "absent.pem"
    result = fetch(*index, tmp_path / "store", SSL_CERT_FILE=str(absent))
    assert result.returncode == 3
    assert "SSL_CERT_FILE" in result.stderr


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "CURL_CA_BUNDLE"])
def test_the_resolver_honours_it_too(hello, index, private_ca, fleet, store,
                                     variable):
    """uv knows SSL_CERT_FILE alone."""
    hello.seed(store)  # with uv, which that index has not
    made = fleet({"fleet.yaml": """\
fleet: tls
machines: {pc: {platform: linux/amd64}}
bases: {py311: {debian: bookworm, python: "3.11"}}
families: {core: {base: py311}}
services:
  One: {machines: pc, family: core, run: one.py, extra: [ours]}
""", "one.py": "import ours\n"})
    # The Debian archive of this host may be https too: trust both.
    system = pathlib.Path(ssl.get_default_verify_paths().cafile
                          or "/etc/ssl/certs/ca-certificates.crt")
    both = made.path.parent / "both.pem"
    both.write_text(system.read_text() + (private_ca / "ca.pem").read_text())
    removed = "CURL_CA_BUNDLE" if variable == "SSL_CERT_FILE" \
        else "SSL_CERT_FILE"
    url = f"https://{index[0].host}/simple/"
    made.environment = {removed: "", "UV_DEFAULT_INDEX": url,
                        "UV_NO_CONFIG": "1"}
    made.ok("lock", **{variable: str(both)})
    assert '"ours"' in (made.path / "fleet.lock.json").read_text()
