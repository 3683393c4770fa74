"""Five services of the example fleet are broken on purpose, each in another
way: lock and build name the five and make the others as before."""

import json

# Service: (file to write, what to add before its text),
#          (text of fleet.yaml, what to put there),
#          what lock and build say of it.
BROKEN = {
    "ChitchatAgent": (
        ("main_pc_code/agents/chitchat_agent.py", "def broken(:\n"), None,
        "main_pc_code/agents/chitchat_agent.py:1 invalid syntax"),
    "FeedbackHandler": (
        ("main_pc_code/agents/feedback_handler.py",
         "import nobody_knows_this\n"), None,
        "no distribution is known for 'nobody_knows_this'"),
    "Responder": (
        None,
        ("run: main_pc_code/agents/responder.py,",
         "run: main_pc_code/agents/responder.py, extra: [orjson>=99],"),
        "orjson>=99"),
    "ProactiveAgent": (
        None, ("agents/ProactiveAgent.py", "agents/gone.py"),
        "the entrypoint 'main_pc_code/agents/gone.py' is not there"),
    "TutoringServiceAgent": (
        None, ("data: pc2_code/data/lessons.yaml", "data: pc2_code/no.yaml"),
        "data names 'pc2_code/no.yaml', and the source tree has no such"),
}


def spoil(made):
    manifest = made.path / "fleet.yaml"
    text = manifest.read_text()
    for source, setting, _ in BROKEN.values():
        if source:
            path = made.path / source[0]
            path.write_text(source[1] + path.read_text())
        if setting:
            assert text.count(setting[0]) == 1
            text = text.replace(*setting)
    manifest.write_text(text)


def told(text, name):
    """The errors that name the service."""
    return [line for line in text.splitlines()
            if line.startswith("error: ") and name in line]


def digests(built):
    return {(image["service"], image["machine"]): image["digest"]
            for image in built if image["state"] in ("built", "cached")}


def test_the_others_are_made_as_before(dual, tmp_path):
    made = dual.copy(tmp_path / "fleet", dual.seed(tmp_path / "store"))
    spoil(made)
    lock = made.run("lock")
    assert lock.returncode == 1
    result = made.run("build", dual.SERVICES, "--json")
    assert result.returncode == 1
    built = json.loads(result.stdout)["images"]
    assert {image["service"] for image in built
            if image["state"] == "failed"} == BROKEN.keys()
    for name, (_, _, said) in BROKEN.items():
        [line] = told(lock.stderr, name)
        assert said in line
        assert told(result.stderr, name)
    before = digests(dual.built)
    assert digests(built) == {image: digest for image, digest
                              in before.items() if image[0] not in BROKEN}
    assert len(before) - len(digests(built)) == 5
