"""Bases that others made: from a registry with and without a login, from an
OCI layout, from archives; and what is refused of them."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import HELLO, Fleet, free_port, tool
from python_image import ENV, Layout, add_file, named
from test_hello import ask
from token_server import IDENTITY, TokenServer
from wheel_maker import make_wheel

# "user" and "secret", by bcrypt
HTPASSWD = ("user:$2y$05$rfISSge3U2ZWoa9mcvLIzOzpc4pPeD7QHTKIuq0dZdY.M90"
            ".benAK\n")
LOGIN = base64.b64encode(b"user:secret").decode()


def copy(skopeo, image, target, *options):
    subprocess.run([skopeo, "copy", "-q", *options,
                    f"oci:{image}:3.10-slim", target], check=True)


def push(skopeo, image, registry, *options):
    """The reference of the image in the registry."""
    name = f"{registry.host}/library/python:3.10-slim"
    copy(skopeo, image, f"docker://{name}", "--preserve-digests",
         "--dest-tls-verify=false", *options)
    return name


def make(slipway, path, store, base):
    """examples/hello on another base."""
    shutil.copytree(HELLO, path)
    (path / "fleet.lock.json").unlink(missing_ok=True)
    manifest = path / "fleet.yaml"
    text = manifest.read_text()
    assert '{debian: bookworm, python: "3.11"}' in text
    manifest.write_text(text.replace('{debian: bookworm, python: "3.11"}',
                                     json.dumps(base)))
    return Fleet(slipway, path, store)


def login(folder, host, entry=None):
    """DOCKER_CONFIG for a host."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(
        {"auths": {host: entry or {"auth": LOGIN}}}))
    return str(folder)


def manifest_of(fleet, image):
    blob = fleet.store / "blobs" / image["digest"].replace(":", "/")
    return json.loads(blob.read_text())


def config_of(fleet, image):
    digest = manifest_of(fleet, image)["config"]["digest"]
    blob = fleet.store / "blobs" / digest.replace(":", "/")
    return json.loads(blob.read_text())


def layout_manifest(image):
    """The digest and content of the manifest of a layout's only image."""
    [entry] = json.loads((image / "index.json").read_text())["manifests"]
    blob = image / "blobs" / entry["digest"].replace(":", "/")
    return entry["digest"], json.loads(blob.read_text())


class Made:
    """A fleet on the image in a registry, locked and built."""

    def __init__(self, slipway, folder, reference):
        self.fleet = make(slipway, folder / "fleet", folder / "store",
                          {"registry": reference})
        self.fleet.ok("lock")
        [self.image] = self.fleet.json("build")["images"]
        self.lock = json.loads(
            (self.fleet.path / "fleet.lock.json").read_text())
        [self.base] = self.lock["bases"]


@pytest.fixture(scope="module")
def made(slipway, skopeo, registry, python_image, tmp_path_factory):
    reference = push(skopeo, python_image, registry)
    return Made(slipway, tmp_path_factory.mktemp("on-registry"), reference)


def test_the_lock_pins_the_image(made, python_image, registry):
    digest, manifest = layout_manifest(python_image)
    base = made.base
    assert base["kind"] == "registry"
    assert base["image"] == "library/python:3.10-slim"
    assert base["digest"] == digest
    assert base["interpreter"] == "/usr/local/bin/python3.10"
    assert base["python"].startswith("3.10.")
    assert base["glibc"] == "2.36"
    assert [(layer["digest"], layer["size"]) for layer in base["layers"]] == [
        (layer["digest"], layer["size"]) for layer in manifest["layers"]]
    text = (made.fleet.path / "fleet.lock.json").read_text()
    assert registry.host not in text
    [resolution] = made.lock["resolutions"]
    assert "-cp310-cp310-manylinux" in text
    assert resolution["python"] == base["python"]
    assert made.fleet.json("lock", "--check")["current"]
    # A second lock asks no registry.
    before = (made.fleet.path / "fleet.lock.json").read_bytes()
    made.fleet.ok("lock", "--offline")
    assert (made.fleet.path / "fleet.lock.json").read_bytes() == before


def test_the_image_stands_on_the_layers_of_its_base(made, python_image):
    _, manifest = layout_manifest(python_image)
    built = manifest_of(made.fleet, made.image)
    config = config_of(made.fleet, made.image)
    n = len(manifest["layers"])
    assert built["layers"][:n] == manifest["layers"]
    assert config["rootfs"]["diff_ids"][:n] == [
        layer["diff_id"] for layer in made.base["layers"]]
    for layer in manifest["layers"]:
        name = "blobs/" + layer["digest"].replace(":", "/")
        assert (made.fleet.store / name).read_bytes() == (
            python_image / name).read_bytes()
    annotations = built["annotations"]
    assert annotations["org.opencontainers.image.base.digest"] == (
        made.base["digest"])
    assert annotations["org.opencontainers.image.base.name"].endswith(
        "/library/python:3.10-slim")
    env = dict(line.split("=", 1) for line in config["config"]["Env"])
    assert env["GPG_KEY"] == "A035"
    assert env["PATH"].startswith("/opt/venv/bin:/usr/local/bin:")
    assert env["LANG"] == "C.UTF-8"
    assert config["config"]["User"] == "10001:10001"
    plan = made.fleet.json("plan")
    [planned] = plan["images"]
    assert planned["digest"] == made.image["digest"]
    made.fleet.ok("verify")


FAMILY = """\
fleet: family
machines: {desk: {platform: linux/amd64}}
bases: {py: {registry: "%s"}}
families: {core: {base: py}}
defaults: {machines: desk, family: core, health: none}
services:
  Ear: {run: main.py}
"""


def test_a_family_and_the_plan_stand_on_the_base(made, registry, tmp_path):
    fleet = Fleet(made.fleet.program, tmp_path / "fleet", made.fleet.store)
    fleet.path.mkdir()
    text = FAMILY % f"{registry.host}/{made.base['image']}"
    fleet.write({"fleet.yaml": text, "main.py": "import json\n"})
    fleet.ok("lock")
    digests = [layer["digest"] for layer in made.base["layers"]]
    n = len(digests)
    [family] = fleet.json("build")["families"]
    built = manifest_of(fleet, family)
    # The base, /opt/venv, and slipway-init.
    assert len(built["layers"]) == n + 2
    assert [layer["digest"] for layer in built["layers"][:n]] == digests
    assert built["annotations"]["org.opencontainers.image.base.digest"] == (
        made.base["digest"])
    assert "GPG_KEY=A035" in config_of(fleet, family)["config"]["Env"]

    lock = fleet.path / "fleet.lock.json"
    plan = json.loads(lock.read_text())["plan"]
    assert len(plan) == n + 1    # slipway-init is not remembered
    assert [node.get("parent", "") for node in plan] == [
        "", *(node["id"] for node in plan[:-1])]
    assert all(len(node["parts"]) == 1 for node in plan)
    fleet.write({"fleet.yaml": text + "  Mouth: {run: main.py}\n"})
    fleet.ok("lock")
    assert [node["id"] for node in json.loads(lock.read_text())["plan"]] == [
        node["id"] for node in plan]
    [family] = fleet.json("build")["families"]
    assert family["state"] == "cached"


def test_it_runs_in_docker(made, skopeo, docker):
    port = free_port()
    name = f"slipway-test-py310:{port}"
    docker.take(skopeo, f"oci:{made.fleet.store}:{made.image['reference']}",
                name)
    container = docker.start("-p", f"127.0.0.1:{port}:5555",
                             "--health-interval", "1s", name)
    assert ask(port, {"action": "ping"}) == {"status": "ok", "answer": "pong"}
    docker.wait_healthy(container)
    answer = docker("exec", container, "python", "-c", """if True:
        import json, os, pwd, ssl, sqlite3, sys, zmq
        print(json.dumps([sys.version.split()[0], sys.prefix,
                          sys.base_prefix, zmq.__file__.split('/lib/')[0],
                          os.getuid(), pwd.getpwuid(10001)[:7],
                          pwd.getpwnam('root').pw_uid, os.environ['HOME'],
                          os.access(os.environ['HOME'], os.W_OK),
                          os.path.exists('/usr/share/doc'),
                          [os.path.exists(m.__cached__)
                           for m in (os, json, ssl, sqlite3)],
                          os.path.exists('/usr/share/zoneinfo'),
                          open('/etc/base-of-the-tests').read()]))""").stdout
    assert json.loads(answer) == [
        made.base["python"], "/opt/venv", "/usr/local", "/opt/venv", 10001,
        ["app", "x", 10001, 10001, "app", "/home/app", "/bin/sh"], 0,
        "/home/app", True, False, [True] * 4, True, "made by the tests\n"]


def test_a_password_is_that_of_docker(slipway, skopeo, registries, tmp_path,
                                      python_image, made):
    registry = registries(htpasswd=HTPASSWD)
    reference = push(skopeo, python_image, registry, "--dest-creds",
                     "user:secret")
    fleet = make(slipway, tmp_path / "fleet", tmp_path / "store",
                 {"registry": reference, "python": "3.10"})
    empty = login(tmp_path / "none", "elsewhere.example.org")
    wrong = login(tmp_path / "wrong", registry.host,
                  {"username": "user", "password": "other"})
    known = login(tmp_path / "known", f"http://{registry.host}/v2/")
    refused = fleet.run("lock", DOCKER_CONFIG=empty)
    assert refused.returncode == 3
    assert f"log in first: docker login {registry.host}" in refused.stderr
    refused = fleet.run("lock", DOCKER_CONFIG=wrong)
    assert refused.returncode == 3
    assert "is not accepted for it" in refused.stderr
    fleet.ok("lock", DOCKER_CONFIG=known)
    [base] = json.loads((fleet.path / "fleet.lock.json").read_text())["bases"]
    for name in ("digest", "layers", "python", "env"):
        assert base[name] == made.base[name]
    # Another machine has the lock and no layer.
    other = Fleet(slipway, fleet.path, tmp_path / "other")
    refused = other.run("build", DOCKER_CONFIG=empty)
    assert refused.returncode == 3
    assert "log in first" in refused.stderr
    [image] = other.json("build", DOCKER_CONFIG=known)["images"]
    assert manifest_of(other, image)["layers"] == manifest_of(
        made.fleet, made.image)["layers"]


@pytest.fixture
def token_server(tmp_path):
    server = TokenServer(tmp_path)
    yield server
    server.close()


@pytest.mark.parametrize("entry", [None, {"identitytoken": IDENTITY}],
                         ids=["password", "identity-token"])
def test_tokens(slipway, skopeo, registries, token_server, tmp_path,
                python_image, made, entry):
    registry = registries(auth=token_server.auth())
    reference = push(skopeo, python_image, registry, "--dest-creds",
                     "user:secret")
    fleet = make(slipway, tmp_path / "fleet", tmp_path / "store",
                 {"registry": reference})
    token_server.requests.clear()
    refused = fleet.run("lock", DOCKER_CONFIG=login(tmp_path / "none", "x.y"))
    assert refused.returncode == 3
    assert "log in first" in refused.stderr
    assert [known for _, _, known in token_server.requests] == [False]
    token_server.requests.clear()
    known = login(tmp_path / "known", registry.host, entry)
    fleet.ok("lock", DOCKER_CONFIG=known)
    [(method, fields, _)] = token_server.requests
    assert method == ("POST" if entry else "GET")
    assert fields["scope"] == "repository:library/python:pull"
    assert fields["service"] == "tests"
    [base] = json.loads((fleet.path / "fleet.lock.json").read_text())["bases"]
    assert base["digest"] == made.base["digest"]


def save(kind, image, folder, skopeo, docker):
    """The base: key of the image in another form."""
    if kind == "oci":
        shutil.copytree(image, folder / "lay:out")
        return {"oci": f"{folder}/lay:out:3.10-slim"}
    path = folder / "image.tar"
    if kind == "docker-save":
        docker.take(skopeo, f"oci:{image}:3.10-slim",
                    "slipway-test-saved:1")
        docker("save", "-o", path, "slipway-test-saved:1")
    else:
        copy(skopeo, image, f"{kind}:{path}:saved:1")
    if kind == "docker-archive":
        subprocess.run(["gzip", "-1", path], check=True)
        path = folder / "image.tar.gz"
    return {"tar": str(path)}


@pytest.mark.parametrize("kind", ["oci", "oci-archive", "docker-archive",
                                  "docker-save"])
def test_layouts_and_archives(request, slipway, skopeo, tmp_path, python_image,
                              made, kind):
    docker = (request.getfixturevalue("docker") if kind == "docker-save"
              else None)
    base = save(kind, python_image, tmp_path, skopeo, docker)
    fleet = make(slipway, tmp_path / "fleet", tmp_path / "store", base)
    fleet.ok("lock", "--verbose")
    [locked] = json.loads(
        (fleet.path / "fleet.lock.json").read_text())["bases"]
    assert locked["python"] == made.base["python"]
    assert [layer["diff_id"] for layer in locked["layers"]] == [
        layer["diff_id"] for layer in made.base["layers"]]
    if kind == "oci":
        assert locked["digest"] == made.base["digest"]
    # A machine that has the lock and the archive, and no layer.
    other = Fleet(slipway, fleet.path, tmp_path / "other")
    [image] = other.json("build")["images"]
    assert config_of(other, image)["rootfs"] == config_of(
        made.fleet, made.image)["rootfs"]
    # What the store has needs no archive any more.
    for path in tmp_path.glob("*tar*"):
        path.unlink()
    [again] = fleet.json("build")["images"]
    assert again["digest"] == image["digest"]


def copied(image, folder):
    """A layout with the blobs of an image and without an index; and the
    image's (descriptor, DiffID) pairs."""
    _, manifest = layout_manifest(image)
    layout = Layout(folder)
    for blob in (image / "blobs" / "sha256").iterdir():
        shutil.copy(blob, layout.path / "blobs" / "sha256")
    config = json.loads((image / "blobs" / manifest["config"]["digest"]
                         .replace(":", "/")).read_text())
    return layout, [*zip(manifest["layers"], config["rootfs"]["diff_ids"])]


def test_what_changed_since_the_lock_is_not_taken(slipway, tmp_path,
                                                  python_image):
    image = tmp_path / "image"
    shutil.copytree(python_image, image)
    fleet = make(slipway, tmp_path / "fleet", tmp_path / "store",
                 {"oci": "../image"})
    fleet.ok("lock")
    layout, layers = copied(image, tmp_path / "new")
    layout.index(layout.image(layers, ["PATH=/usr/local/bin", "NEW=1"]))
    shutil.rmtree(image)
    layout.path.rename(image)
    fleet.ok("build")
    other = Fleet(slipway, fleet.path, tmp_path / "other")
    failed = other.run("build")
    assert failed.returncode == 1
    assert "holds another image by now" in failed.stderr
    assert "slipway lock --upgrade" in failed.stderr
    fleet.ok("lock", "--upgrade")
    [built] = fleet.json("build")["images"]
    assert "NEW=1" in config_of(fleet, built)["config"]["Env"]


def test_system_packages_need_a_debian_base(made, tmp_path):
    fleet = Fleet(made.fleet.program, tmp_path / "fleet", made.fleet.store)
    shutil.copytree(made.fleet.path, fleet.path)
    manifest = fleet.path / "fleet.yaml"
    manifest.write_text(manifest.read_text() + "    system: [libportaudio2]\n")
    failed = fleet.run("lock")
    assert failed.returncode == 1
    assert "is not made of such" in failed.stderr


# -- small images, good and bad --


def tar_of(*entries):
    """A tar of (name, content or {"link": TARGET, ...}) pairs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
                continue
            info.type = content.get("type", tarfile.SYMTYPE)
            info.linkname = content.get("link", "")
            tar.addfile(info)
    return out.getvalue()


FOLDER = {"type": tarfile.DIRTYPE}


def lock_small(slipway, tmp_path, layers, **config):
    """The lock of a fleet on an image of these tars."""
    layout = Layout(tmp_path / "image")
    made = [layer if isinstance(layer, tuple) else layout.layer(layer)
            for layer in layers]
    layout.index(layout.image(made, **config))
    fleet = make(slipway, tmp_path / "fleet", tmp_path / "store",
                 {"oci": "../image"})
    result = fleet.run("lock")
    assert result.returncode == 1, result.stderr
    return fleet, result.stderr


@pytest.mark.parametrize("name, entry, message", [
    ("../../out", b"x", "it leaves the image or lies too deep"),
    ("a/" * 300 + "b", b"x", "it leaves the image or lies too deep"),
    ("x" * 5000, b"x", "its name is too long"),
    ("f", {"type": tarfile.LNKTYPE, "link": "../../../etc/passwd"},
     "it leaves the image"),
    ("f", {"type": tarfile.LNKTYPE, "link": "etc/none"},
     "it is a hard link to what is not there"),
    (".wh...", b"", "it hides nothing that can be named"),
    ("dir/.wh.", b"", "it hides nothing that can be named"),
    ("file/below", b"x", "what lies above it is no folder"),
])
def test_hostile_entries(slipway, tmp_path, name, entry, message):
    _, said = lock_small(slipway, tmp_path, [
        tar_of(("file", b""), ("dir", FOLDER), (name, entry))])
    assert message in said
    assert "layer 1 (sha256:" in said
    assert not (tmp_path / "out").exists()


def test_links_lead_nowhere_out_of_the_image(slipway, tmp_path):
    """A file below a link to / of the host lands in the image's own."""
    target = tmp_path / "host"
    target.mkdir()
    fleet, said = lock_small(slipway, tmp_path, [
        tar_of(("up", {"link": "../../../../../../../.."}),
               ("abs", {"link": str(target)}),
               (str(target)[1:], FOLDER), ("abs/file", b"inside"),
               ("up/rooted", b"inside"))])
    assert "the image has no Python" in said
    assert list(target.iterdir()) == []
    [root] = (fleet.store / "trees").glob("*/root")
    assert (root / "rooted").read_bytes() == b"inside"
    assert (root / str(target)[1:] / "file").read_bytes() == b"inside"


def test_layers_lie_over_each_other(slipway, tmp_path):
    fleet, _ = lock_small(slipway, tmp_path, [
        tar_of(("a/one", b"1"), ("a/two", b"2"), ("b/x/y", b"3"),
               ("c/low", b""), ("d", b"file"), ("e/below", b""),
               ("h", b"linked"), ("i", {"type": tarfile.LNKTYPE,
                                        "link": "h"})),
        tar_of(("a/.wh.one", b""), ("b/x/own", b""), ("b/x/.wh..wh..opq", b""),
               ("c", {"link": "a"}), ("d", FOLDER), ("d/now", b""),
               ("e", b"file"), ("h", b"new"), ("a/.wh.gone", b"")),
        tar_of(("none/.wh.x", b""), ("./k/", FOLDER), ("/l", b"rooted"),
               ("pipe", {"type": tarfile.FIFOTYPE}))])
    [root] = (fleet.store / "trees").glob("*/root")
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    assert found == ["a", "a/two", "b", "b/x", "b/x/own", "c", "d", "d/now",
                     "e", "h", "i", "k", "l"]
    assert (root / "c").is_symlink()
    assert (root / "h").read_bytes() == b"new"
    assert (root / "i").read_bytes() == b"linked"
    fleet.ok("verify")


@pytest.mark.parametrize("compression", ["gzip", "zstd", ""])
def test_damaged_layers(slipway, tmp_path, compression):
    layout = Layout(tmp_path / "maker")
    tar = tar_of(("a", b"x" * 100000))
    descriptor, _ = layout.layer(tar, compression)
    blob = layout.path / "blobs" / descriptor["digest"].replace(":", "/")
    cut = blob.read_bytes()[:-200]
    image = Layout(tmp_path / "image")
    image.index(image.image([({**descriptor, **image.blob(cut)},
                              "sha256:" + hashlib.sha256(tar).hexdigest())]))
    fleet = make(slipway, tmp_path / "fleet", tmp_path / "store",
                 {"oci": "../image"})
    failed = fleet.run("lock")
    assert failed.returncode == 1
    assert ("damaged" in failed.stderr if compression
            else "have the DiffID" in failed.stderr), failed.stderr
    assert not list((fleet.store / "trees").iterdir())


def test_a_layer_has_the_bytes_of_its_diff_id(slipway, tmp_path):
    layout = Layout(tmp_path / "maker")
    descriptor, _ = layout.layer(tar_of(("a", b"x")))
    shutil.copytree(layout.path, tmp_path / "kept")
    _, said = lock_small(slipway, tmp_path, [tar_of(("z", b""))])
    image = Layout(tmp_path / "wrong")
    layer, _ = image.layer(tar_of(("a", b"x")))
    image.index(image.image([(layer, "sha256:" + "0" * 64)]))
    fleet = make(slipway, tmp_path / "fleet2", tmp_path / "store",
                 {"oci": "../wrong"})
    said = fleet.run("lock").stderr
    assert "the image's config says sha256:0000" in said
    assert descriptor["digest"] == layer["digest"]


def test_images_that_cannot_be_a_base(slipway, tmp_path):
    for n, (layers, config, message) in enumerate([
            ([tar_of(("a", b""))], {"architecture": "arm64"},
             "the image is for linux/arm64, not for linux/amd64"),
            ([tar_of(("a", b""))], {"rootfs": {"type": "layers",
                                               "diff_ids": []}},
             "names another number of layers"),
            ([tar_of(("usr", FOLDER), ("usr/sbin", {"link": "bin"}))], {},
             "its '/usr/sbin' is no folder"),
            ([tar_of(("etc", FOLDER), ("etc/passwd", {"link": "/x"}))], {},
             "its '/etc/passwd' is a link"),
            ([tar_of(("opt/venv/lib/x.py", b""))], {},
             "it has files in '/opt/venv' already"),
            ([tar_of(("app/x.py", b""))], {},
             "it has files in '/app' already"),
            ([tar_of(("lib/ld-musl-x86_64.so.1", b""))], {},
             "it has musl for a C library"),
            ([({"mediaType": "application/vnd.docker.image.rootfs.foreign"
                             ".diff.tar.gzip",
                "digest": "sha256:" + "0" * 64, "size": 1},
               "sha256:" + "0" * 64)], {}, "no layer of Linux files")]):
        folder = tmp_path / str(n)
        folder.mkdir()
        _, said = lock_small(slipway, folder, layers, **config)
        assert message in said, said


def test_one_image_must_be_meant(slipway, tmp_path):
    layout = Layout(tmp_path / "image")
    one = layout.image([layout.layer(tar_of(("a", b"1")))])
    two = layout.image([layout.layer(tar_of(("a", b"2")))])
    layout.index(named(one, "one"), named(two, "two"))
    for base, message in [
            ({"oci": "../image"}, "it has: one, two; write oci: DIR:NAME"),
            ({"oci": "../image:three"}, "there is no image 'three' in it"),
            ({"oci": "../image:two"}, "the image has no Python in its PATH"),
            ({"oci": "../none"}, "is no folder"),
            ({"tar": "../image"}, "for the folder of an OCI layout write oci:"),
            ({"tar": "fleet.yaml"}, "is no archive of an image"),
            ({"tar": "../none.tar"}, "there is no file")]:
        shutil.rmtree(tmp_path / "fleet", ignore_errors=True)
        fleet = make(slipway, tmp_path / "fleet", tmp_path / "store", base)
        failed = fleet.run("lock")
        assert failed.returncode == 1
        assert message in failed.stderr, failed.stderr


# -- registries that answer badly --


class BadRegistry:
    """Answers every request for a manifest, and every one for a blob, with
    what the test says: (status, headers, body)."""

    def __init__(self):
        self.answers = {}
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, headers, body = 200, {}, b"{}"
                for part, answer in owner.answers.items():
                    if part in self.path:
                        status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)),
                                    **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()


@pytest.fixture
def bad_registry():
    made = BadRegistry()
    yield made
    made.server.shutdown()
    made.server.server_close()


def small_image(tmp_path):
    layout = Layout(tmp_path / "small")
    layer = layout.layer(tar_of(("a", b"x" * 5000)))
    descriptor = layout.image([layer])
    blobs = layout.path / "blobs" / "sha256"
    return {"/blobs/" + "sha256:" + path.name: (200, {}, path.read_bytes())
            for path in blobs.iterdir()}, descriptor, layer[0]


@pytest.mark.parametrize("answer, status, message, hint", [
    ((401, {}, b""), 3, "refuses to show 'x:1'", "docker login"),
    ((404, {}, b""), 1, "has no image 'x:1'", "check the name and the tag"),
    ((429, {"Retry-After": "1"}, b""), 3, "wants fewer requests", "wait"),
    ((503, {}, b""), 3, "answers 503", "try again later"),
    ((200, {"Content-Length": "100"}, b"{}"), 3, "cannot fetch", ""),
    ((200, {"Docker-Content-Digest": "sha256:" + "0" * 64}, b"{}"), 3,
     "is expected", "changed in the registry or on the way"),
    ((200, {}, b" " * (5 << 20)), 3, "is larger than 4.2 MB", ""),
    ((200, {}, b"<html>"), 1, "it is no JSON", ""),
], ids=["401", "404", "429", "503", "short", "digest", "large", "html"])
def test_bad_manifests(slipway, tmp_path, bad_registry, answer, status,
                       message, hint):
    bad_registry.answers["/manifests/"] = answer
    fleet = make(slipway, tmp_path / "fleet", tmp_path / "store",
                 {"registry": f"{bad_registry.host}/x:1"})
    failed = fleet.run("lock")
    assert failed.returncode == status, failed.stderr
    assert message in failed.stderr
    assert hint in failed.stderr


@pytest.mark.parametrize("answer, message", [
    ((401, {}, b""), "answers 401"),
    ((404, {}, b""), "the server answers 404"),
    ((429, {"Retry-After": "0"}, b""), "answers 429 (it wants fewer requests)"),
    ((503, {}, b""), "answers 503 (it failed itself)"),
    ((200, {"Content-Length": "900"}, b"y"), "899 bytes remaining"),
    ((200, {}, b"y" * 300), "than the"),
    ((200, {}, None), "nothing of it was kept"),
], ids=["401", "404", "429", "503", "short", "size", "digest"])
def test_bad_blobs(slipway, tmp_path, bad_registry, answer, message):
    answers, descriptor, layer = small_image(tmp_path)
    name = "/blobs/" + layer["digest"]
    manifest = "/blobs/" + descriptor["digest"]
    bad_registry.answers.update(answers)
    bad_registry.answers["/manifests/"] = answers[manifest]
    fleet = make(slipway, tmp_path / "fleet", tmp_path / "store",
                 {"registry": f"{bad_registry.host}/x:1"})
    # It is the blob alone that is wrong.
    assert "the image has no Python" in fleet.run("lock").stderr
    status, headers, body = answer
    bad_registry.answers[name] = (
        status, headers, b"z" * layer["size"] if body is None else body)
    other = Fleet(slipway, fleet.path, tmp_path / "other")
    failed = other.run("lock")
    assert failed.returncode == 3, failed.stderr
    assert message in failed.stderr
    assert not (other.store / "blobs" / layer["digest"].replace(
        ":", "/")).exists()


# A base that has CUDA of its own, below wheels that bring it again.
CARRYING = """\
fleet: carried
machines: {desk: {platform: linux/amd64}}
tracks: {cu121: {cuda: "12.1"}}
bases: {vendor: {oci: ../image}}
families: {core: {base: vendor}}
defaults: {machines: desk, family: core, run: main.py}
services:
  Gpu: {track: cu121, extra: [nvidia-cublas-cu12]}
  Plain: {extra: [plain]}
"""


def shared_object(folder, name, soname):
    """The bytes of a real shared object with a SONAME and a build id."""
    source = folder / "empty.c"
    source.write_text(f"int {name.split('.')[0]}(void) {{ return 0; }}\n")
    made = folder / name
    subprocess.run([tool("cc"), "-shared", "-fPIC", "-Wl,--build-id",
                    f"-Wl,-soname,{soname}", source, "-o", made], check=True)
    return made.read_bytes()


def image_with(python_image, folder, files):
    """A copy of the image with one more layer, of these files."""
    layout, layers = copied(python_image, folder)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            add_file(tar, name, data)
    layout.index(layout.image([*layers, layout.layer(out.getvalue())],
                              ENV))


def test_cuda_that_is_there_twice(fleet, simple_index, python_image, tmp_path):
    cublas = shared_object(tmp_path, "libcublas.so.12.1", "libcublas.so.12")
    other = shared_object(tmp_path, "libother.so.1", "libother.so.1")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "nvidia-cublas-cu12", files={
        "nvidia/cublas/lib/libcublas.so.12": cublas,
        "nvidia/cublas/lib/libcublasLt.so.12": other})
    make_wheel(wheels, "plain", files={"plain/libother.so.1": other})
    made = fleet({"fleet.yaml": CARRYING, "main.py": ""})
    image_with(python_image, made.path.parent / "image", {
        "usr/local/cuda/lib64/libcublas.so.12.1": cublas,
        "usr/lib/libother.so.1": other,
        "usr/lib/libcudart.so.12": b"no library"})
    made.use_index(simple_index(wheels), tmp_path)
    said = made.ok("lock").stderr
    assert ("the base 'vendor' carries CUDA that wheels bring too" in said
            and "libcublas.so.12 (nvidia-cublas-cu12)" in said)
    assert made.json("lock")["carried"] == [{
        "base": "vendor", "soname": "libcublas.so.12",
        "package": "nvidia-cublas-cu12", "bytes": len(cublas)}]
