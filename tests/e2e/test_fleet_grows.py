"""The example fleet gets a 69th service and a newer version of one small
package: what does not use them keeps its layers."""

LATE = """
  LateAgent: {like: pc2-agent, run: pc2_code/agents/cache_manager.py, ports: 7199/8199, extra: [nats-py, cachetools]}

infra:"""
OLD, NEW = "httpx==0.27.2", "httpx==0.28.1"


def stacks(plan):
    """{image: [ChainID or, of a layer not built yet, its id]}, lowest first,
    without the source."""
    names = {layer["id"]: layer["chain_id"] or layer["id"]
             for layer in plan["layers"]}
    return {(image["service"], image["machine"]):
            [names[layer] for layer in image["layers"][:-1]]
            for image in plan["images"]}


def test_only_what_uses_a_change_moves(dual, tmp_path, capsys):
    made = dual.copy(tmp_path / "fleet", dual.seed(tmp_path / "store"))
    manifest = made.path / "fleet.yaml"
    text = manifest.read_text().replace("httpx", OLD)
    manifest.write_text(text)
    made.ok("lock")
    built = sum(image["state"] == "built" for image in
                made.json("build", dual.SERVICES)["images"])
    before = made.json("plan")
    old_lock = tmp_path / "old.json"
    old_lock.write_bytes((made.path / "fleet.lock.json").read_bytes())

    manifest.write_text(text.replace(OLD, NEW).replace("\ninfra:", LATE))
    made.ok("lock")
    made.ok("build", dual.SERVICES)
    plan = made.json("plan", "--since", old_lock)
    old, new = stacks(before), stacks(plan)
    assert {image[0] for image in new if old.get(image) != new[image]} == {
        "CloudTranslationService", "UnifiedWebAgent", "LateAgent"}
    assert len(new) == len(old) + 1
    digests = {(image["service"], image["machine"]): image["digest"]
               for image in before["images"]}
    assert sum(image["digest"] is not None and image["digest"] ==
               digests.get((image["service"], image["machine"]))
               for image in plan["images"]) == built - 2

    layers = {layer["id"]: layer for layer in plan["layers"]}
    late = next(image for image in plan["images"]
                if image["service"] == "LateAgent")
    source = layers[late["layers"][-1]]["compressed_bytes"]
    [pc2] = [machine for machine in plan["machines"]
             if machine["machine"] == "pc2"]
    assert 0 < pc2["change_bytes"] < 1_000_000
    with capsys.disabled():
        print(f"\npc2 would pull {pc2['change_bytes']} bytes of layers again "
              f"and {source} of the new source, of {pc2['pull_bytes']}")
