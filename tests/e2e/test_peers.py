"""The peers of the other tests are what they say: pip and uv install from the
index, skopeo pushes to the registry and pulls the same, docker answers."""

import base64
import gzip
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request

import pytest

from wheel_maker import make_wheel


def get(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=10)


def installed(command, index, target):
    """The files below target after the command, with this index alone."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("PIP_", "UV_"))}
    env.update(index.environment())
    subprocess.run([*command, "--target", target, "greeter"], check=True,
                   env=env, capture_output=True, timeout=120)
    return {str(path.relative_to(target)) for path in target.rglob("*")
            if path.suffix == ".py"}


@pytest.mark.parametrize("speaks_json", [True, False])
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_installers_take_wheels_from_the_index(tmp_path, simple_index,
                                               installer, speaks_json):
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "greeter", "2.0", {"greeter.py": "import polite\n"},
               requires=["Polite.Words>=1"])
    make_wheel(folder, "greeter", "1.0", {"old.py": ""})
    make_wheel(folder, "polite-words", "1.5", {"polite.py": ""})
    index = simple_index(folder, speaks_json=speaks_json,
                         credentials=("user", "secret"))
    command = {
        "pip": [sys.executable, "-m", "pip", "install", "--no-cache-dir",
                "--no-compile"],
        "uv": [sys.executable, "-m", "uv", "pip", "install", "--no-cache",
               "--python", sys.executable],
    }[installer]
    target = tmp_path / "target"
    assert installed(command, index, target) == {"greeter.py", "polite.py"}


def test_the_index_answers_ranges_and_shows_what_was_asked(tmp_path,
                                                           simple_index):
    wheel = make_wheel(tmp_path, "one", files={"one.py": "x = 1\n" * 100})
    body = wheel.read_bytes()
    index = simple_index(tmp_path)
    url = f"http://{index.host}/files/{wheel.name}"
    for text, part in [("bytes=0-0", body[:1]), ("bytes=-22", body[-22:]),
                       ("bytes=10-", body[10:]), ("bytes=5-9", body[5:10]),
                       ("bytes=5-999999", body[5:])]:
        answer = get(url, Range=text)
        assert (answer.status, answer.read()) == (206, part)
        assert answer.headers["Content-Range"].endswith(f"/{len(body)}")
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(url, Range=f"bytes={len(body)}-")
    assert refused.value.code == 416
    page = json.load(get(index.url + "one/", Accept=(
        "application/vnd.pypi.simple.v1+json")))
    assert page["files"][0]["hashes"]["sha256"] == (
        hashlib.sha256(body).hexdigest())
    assert [method for method, _, _ in index.requests] == ["GET"] * 7


def test_the_index_asks_who_it_is_and_misbehaves_on_demand(tmp_path,
                                                           simple_index):
    make_wheel(tmp_path, "one")
    index = simple_index(tmp_path, credentials=("user", "secret"))
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f"http://{index.host}/simple/")
    assert refused.value.code == 401
    open_index = simple_index(tmp_path)

    def busy_once(request):
        open_index.faults.remove(busy_once)
        request.answer(429, b"", "text/plain", {"Retry-After": "0"})
        return True

    open_index.faults.append(busy_once)
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(open_index.url)
    assert refused.value.code == 429
    assert get(open_index.url).status == 200


def write_blob(layout, body):
    digest = hashlib.sha256(body).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(body)
    return {"digest": f"sha256:{digest}", "size": len(body)}


@pytest.fixture
def layout(tmp_path):
    """A smallest OCI layout: one image of one file."""
    path = tmp_path / "layout"
    (path / "blobs/sha256").mkdir(parents=True)
    (tmp_path / "hello").write_text("hello\n")
    with tarfile.open(tmp_path / "layer.tar", "w") as archive:
        archive.add(tmp_path / "hello", "hello")
    tar = (tmp_path / "layer.tar").read_bytes()
    layer = write_blob(path, gzip.compress(tar, mtime=0))
    diff_id = "sha256:" + hashlib.sha256(tar).hexdigest()
    config = write_blob(path, json.dumps({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }).encode())
    kind = "application/vnd.oci.image."
    manifest = write_blob(path, json.dumps({
        "schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
        "config": {"mediaType": kind + "config.v1+json", **config},
        "layers": [{"mediaType": kind + "layer.v1.tar+gzip", **layer}],
    }).encode())
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_text(json.dumps({
        "schemaVersion": 2,
        "manifests": [{"mediaType": kind + "manifest.v1+json", **manifest}],
    }))
    return path, manifest["digest"]


def test_the_registry_gives_back_what_was_pushed(registry, skopeo, layout):
    path, digest = layout
    subprocess.run([skopeo, "copy", "--dest-tls-verify=false", f"oci:{path}",
                    f"docker://{registry.host}/tests/hello:1"], check=True,
                   capture_output=True, timeout=60)
    seen = subprocess.run(
        [skopeo, "inspect", "--tls-verify=false",
         f"docker://{registry.host}/tests/hello:1"],
        check=True, capture_output=True, timeout=60)
    assert json.loads(seen.stdout)["Digest"] == digest


def test_a_registry_with_a_password_lets_in_who_knows_it(registries):
    # "user" and "secret", by bcrypt
    registry = registries(htpasswd=(
        "user:$2y$05$rfISSge3U2ZWoa9mcvLIzOzpc4pPeD7QHTKIuq0dZdY.M90.benAK\n"))
    url = f"http://{registry.host}/v2/"
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(url)
    assert refused.value.code == 401
    known = base64.b64encode(b"user:secret").decode()
    assert get(url, Authorization=f"Basic {known}").status == 200


def test_docker_runs_what_skopeo_loads(docker, skopeo, layout):
    path, _ = layout
    docker.take(skopeo, f"oci:{path}", "slipway-tests/hello:1")
    shown = json.loads(docker("image", "inspect",
                              "slipway-tests/hello:1").stdout)
    assert shown[0]["Architecture"] == "amd64"
