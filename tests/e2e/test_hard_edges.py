"""Files that lead round in a circle or out of the source."""

import json

CIRCLES = """\
fleet: circles
bases: {py311: {debian: bookworm, python: "3.11"}}
services:
  Fine: {run: fine.py}
  Sick: {run: sick.py}
  Link: {run: link.py}
"""


def test_a_circle_stops_who_needs_it_too_early(hello, fleet):
    """Modules may import each other; a name of one has to be there by then."""
    made = fleet({
        "fleet.yaml": CIRCLES, "fine.py": "import loop.a\n",
        "loop/a.py": "import loop.b\nx = 1\n",
        "loop/b.py": "import loop.a\n\ndef get():\n    return loop.a.x\n",
        "sick.py": "import loop.c\n",
        "loop/c.py": "from loop.d import y\nx = 1\n",
        "loop/d.py": "from loop.c import x\ny = 1\n"})
    (made.path / "link.py").symlink_to(hello.path / "echo/service.py")
    hello.seed(made.store)
    assert made.run("lock").returncode == 1
    result = made.run("build", "--json")
    assert result.returncode == 1
    assert {image["service"]: image["state"]
            for image in json.loads(result.stdout)["images"]} == {
        "Fine": "built", "Sick": "failed", "Link": "failed"}
    assert ("Sick on default: loop/d.py:1:1: 'loop.c' is still being "
            "imported here and has no 'x' yet") in result.stderr
    assert ("Link on default: link.py: 'link.py' is a symbolic link out of "
            "the source root") in result.stderr
