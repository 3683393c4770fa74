"""decisions/graph and decisions/verdict against CPython on random source trees.

Each tree is started for real (graph_oracle.py) and walked by tool_graph_walk:

- files that were really loaded lie between hard and hard + guarded; of a start
  that failed, only the upper bound counts;
- where a start fails, there is an error, or something uncertain, at the file
  and line where it did;
- where there is an error, the start fails.

More trees, and other Pythons, by hand:

    python tests/e2e/test_graph_random.py 0 5000 /usr/bin/python3 ...
"""

import json
import marshal
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import random_tree

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD",
                                    HERE.parents[1] / "build"))
TOOL = BUILD / "tests" / "unit" / "tool_graph_walk"
BATCH = 500


def run_python(python, trees):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-S", "-s", "-E", "-B", HERE / "graph_oracle.py",
             folder + "/tree"], input=marshal.dumps(trees, 2),
            stdout=subprocess.PIPE, check=True)
    return marshal.loads(done.stdout)


def run_tool(trees):
    asked = "".join(json.dumps(tree) + "\n" for tree in trees)
    done = subprocess.run([TOOL], input=asked, stdout=subprocess.PIPE,
                          text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def disagreements(tree, real, said):
    """What is wrong, as texts."""
    hard = {path for path, level in said["files"].items() if level == "hard"}
    most = hard | {path for path, level in said["files"].items()
                   if level == "guarded"}
    loaded = {path for path in real["loaded"]}
    failed = real["failed"]
    worst = [row for row in said["diagnostics"]
             if row[0] in ("error", "uncertain")]
    if any(row[1] in ("import-dynamic", "path-dynamic") for row in worst):
        return
    if loaded - most:
        yield f"loaded, but not reached: {sorted(loaded - most)}"
    if failed is None:
        # runpy swallows what a package says of itself, and starts a module
        # that the package had loaded before it failed.
        if said["status"] == "error" and not tree["module"]:
            yield "it starts"
        elif hard - loaded and said["status"] != "error":
            yield f"hard, but not loaded: {sorted(hard - loaded)}"
        return
    if failed["file"] == "":
        if not worst:
            yield "it does not start"
        return
    if failed["type"] == "ImportError" and failed["installed"]:
        return  # which names an installed module has is not known here
    places = [row for row in worst
              if row[2:4] == [failed["file"], failed["line"]]]
    if any(row[1] == "entry-missing" for row in worst):
        return
    if not places:
        yield "nothing is said where it fails"
    elif failed["type"] == "ModuleNotFoundError" and not any(
            row[1] != "import-missing" and row[1] != "import-unmapped"
            or failed["name"] in row[4] for row in places):
        yield "another module is named"


def compare(python, minor, seeds):
    """(trees that started, that did not, [(seed, tree, real, said, text)])"""
    trees = [random_tree.tree(seed, minor) for seed in seeds]
    started, wrong = 0, []
    for seed, tree, real, said in zip(seeds, trees, run_python(python, trees),
                                      run_tool(trees)):
        started += real["failed"] is None
        for text in disagreements(tree, real, said):
            wrong.append((seed, tree, real, said, text))
    return started, len(trees) - started, wrong


def show(seed, tree, real, said, text):
    lines = [f"== seed {seed}: {text}",
             "%s%s, workdir %r, PYTHONPATH %s" % (
                 "-m " * tree["module"], tree["entry"], tree["workdir"],
                 tree["pythonpath"])]
    for path in sorted(set(said["files"]) | set(real["loaded"])):
        mark = "loaded" if path in real["loaded"] else ""
        lines.append(f"-- {path}: {said['files'].get(path)} {mark}")
        lines += ["   " + line for line in tree["files"][path].splitlines()]
    lines.append(f"others: {sorted(set(tree['files']) - set(said['files']))}")
    lines.append(f"CPython: {real['failed']}")
    lines += [f"slipway: {row}" for row in said["diagnostics"]]
    return "\n".join(lines)


def minor_of(python):
    done = subprocess.run([python, "-c",
                           "import sys; print(sys.version_info[1])"],
                          stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def test_random_trees():
    minor, count = sys.version_info[1], 1000
    started, not_started, wrong = compare(sys.executable, minor, range(count))
    # graph.h says what is not followed.
    assert len(wrong) <= 2, "\n".join(show(*one) for one in wrong)
    # The trees are of use only where both happens often.
    assert started > count // 5 and not_started > count // 5


def by_hand(first, count, pythons):
    total = 0
    for python in pythons:
        minor, sums, kinds = minor_of(python), [0, 0, 0], {}
        for begin in range(first, first + count, BATCH):
            seeds = range(begin, min(begin + BATCH, first + count))
            started, not_started, wrong = compare(python, minor, seeds)
            sums = [a + b for a, b in zip(sums, (started, not_started,
                                                 len(wrong)))]
            for one in wrong:
                kinds.setdefault(re.sub(r"\[.*", "", one[4]), []).append(one)
        print(f"3.{minor}: {sums[0]} started, {sums[1]} did not, "
              f"{sums[2]} disagreements")
        for kind, ones in kinds.items():
            ones.sort(key=lambda one: len(show(*one)))
            print(f"{kind}: {len(ones)}")
            print("\n".join(show(*one) for one in ones[:2]))
        total += sums[2]
    return total


if __name__ == "__main__":
    sys.exit(by_hand(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]) != 0)
