"""An index that answers badly: each answer has its own message, stops the
service that needs the package, and leaves nothing wrong in the store."""


import pytest

from wheel_maker import make_wheel

MANIFEST = """\
bases: {py311: {debian: bookworm, python: '3.11'}}
services:
  One: {run: main.py, extra: [one]}
  Plain: {run: main.py}
"""


class Made:
    """A fleet, one service of which needs the one wheel of its index."""

    def __init__(self, hello, fleet, index, wheels, tmp_path):
        self.index, self.hello = index, hello
        [self.wheel] = wheels.iterdir()
        self.fleet = fleet({"fleet.yaml": MANIFEST, "main.py": ""})
        self.fleet.use_index(index, tmp_path, UV_HTTP_RETRIES="0")
        hello.seed(self.fleet.store)


@pytest.fixture
def made(hello, fleet, simple_index, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "one")
    return Made(hello, fleet, simple_index(wheels), wheels, tmp_path)


def answer_with(path, status, headers=None, body=b"no\n", size=None):
    """A fault: all below path has this answer."""
    def fault(request):
        if not request.path.startswith(path):
            return False
        request.send_response(status)
        for name, value in {"Content-Type": "text/html",
                            "Content-Length": str(size or len(body)),
                            **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
        request.close_connection = True
        return True

    return fault


FILES = {
    "401": (dict(status=401), "answers 401 (it wants a login)"),
    "404": (dict(status=404), "answers 404"),
    "429": (dict(status=429), "answers 429 (it wants fewer requests)"),
    "503": (dict(status=503), "answers 503 (it failed itself)"),
    "short": (dict(status=200, body=b"PK", size=500),
              "transfer closed with 498 bytes remaining"),
    "larger": (dict(status=200, body=b"PK" * 50000),
               "has more than the {size} bytes it should have"),
    "other": (dict(status=200, body=None), "not sha256:"),
}


@pytest.mark.parametrize("case", FILES)
def test_bytes_of_a_wheel(made, case, tmp_path):
    options, message = FILES[case]
    size = made.wheel.stat().st_size
    if case == "other":
        options = {**options, "body": bytes(size)}
    made.fleet.ok("lock")
    made.fleet.store = made.hello.seed(tmp_path / "other")
    made.index.faults.append(answer_with("/files/", **options))
    answer = made.fleet.json("build", status=3)
    images = {image["service"]: image for image in answer["images"]}
    assert message.format(size=size) in images["One"]["error"]
    assert made.wheel.name in images["One"]["error"]
    assert images["Plain"]["state"] == "built"
    made.fleet.ok("verify")
    made.index.faults.clear()
    answer = made.fleet.json("build")
    assert [image["state"] for image in answer["images"]] == [
        "built", "cached"]


PAGES = {
    "401": (dict(status=401, headers={"WWW-Authenticate": "Basic"}), 1,
            "An index answered 401: it wants a login", "give the login"),
    "403": (dict(status=403), 1, "An index answered 403", "give the login"),
    "404": (dict(status=404), 1, "one was not found", "check the spelling"),
    "429": (dict(status=429), 3, "429 Too Many Requests", ""),
    "503": (dict(status=503), 3, "503 Service Unavailable", ""),
    "short": (dict(status=200, body=b"<", size=500), 3, "/simple/one/", ""),
}


@pytest.mark.parametrize("case", PAGES)
def test_list_of_versions(made, case):
    options, status, message, hint = PAGES[case]
    made.index.faults.append(answer_with("/simple/", **options))
    result = made.fleet.run("lock")
    assert result.returncode == status, result.stderr
    assert message in result.stderr
    assert hint in result.stderr
    made.index.faults.clear()
    made.fleet.ok("lock")
