"""check remembers what it found in files, and says the same as one that
remembers nothing: on one thread and several, after edits within a tick of the
clock, deletions, renames, and with a memo that is damaged."""

import os
import random
import shutil
import subprocess
import time
import zlib

import pytest

MANIFEST = """\
fleet: remembered
machines: {desk: {platform: linux/amd64}}
bases: {py311: {debian: bookworm, python: "3.11"}}
families: {core: {base: py311}}
services: {One: {machines: desk, family: core, run: main.py}}
"""
SETTLED_S = 0.2  # so much older than a check is what it remembers
MODULES = 150
HEAD_BYTES = 32  # of a memo, the last four the CRC of all behind it


def source(number):
    return (f"import m{(number * 7 + 1) % MODULES}\nimport os, gone{number}\n"
            f"try:\n    from m{number // 2} import there{number}\n"
            "except ImportError:\n    there = 1\n"
            f"PATH = 'data/d{number}.txt'\n"
            f"def f():\n    import lazy{number}\n    exec(PATH)\n")


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "fleet"
    root.mkdir()
    (root / "fleet.yaml").write_text(MANIFEST)
    (root / "main.py").write_text(
        "".join(f"import m{number}\n" for number in range(MODULES)))
    for number in range(MODULES):
        (root / f"m{number}.py").write_text(source(number))
    time.sleep(SETTLED_S)
    return root


@pytest.fixture
def said(slipway, tmp_path):
    """said(TREE, *WORDS): what check says with the store; fresh: without."""
    def run(tree, *words, fresh=False):
        store = tmp_path / "store"
        if fresh:
            store = tmp_path / "empty"
            shutil.rmtree(store, ignore_errors=True)
        done = subprocess.run(
            [slipway, "-C", tree, "--store", store, *words, "check", "--json"],
            capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout
    return run


def memo(tmp_path):
    [path] = (tmp_path / "store" / "memos").iterdir()
    return path


def test_remembered_is_the_same_on_any_number_of_threads(tree, said, tmp_path):
    cold = said(tree, "--jobs", "1")
    first = memo(tmp_path).read_bytes()
    assert said(tree, "--jobs", "8") == cold
    assert said(tree, "--jobs", "1") == cold
    assert said(tree, "--jobs", "8", fresh=True) == cold
    assert memo(tmp_path).read_bytes() == first
    os.truncate(memo(tmp_path), 0)
    said(tree, "--jobs", "8")
    assert memo(tmp_path).read_bytes() == first


def test_what_is_remembered_is_not_read_again(tree, said, tmp_path):
    cold = said(tree)
    path = memo(tmp_path)
    inode = path.stat().st_ino
    assert said(tree) == cold
    assert path.stat().st_ino == inode  # nothing is written again
    # No file can change and keep its time of change, so the memo does.
    whole = path.read_bytes().replace(b"gone5", b"lost5")
    crc = zlib.crc32(whole[HEAD_BYTES:]).to_bytes(4, "little")
    path.write_bytes(whole[:HEAD_BYTES - 4] + crc + whole[HEAD_BYTES:])
    assert said(tree) == cold.replace("gone5", "lost5")


def test_edits_deletions_and_renames_are_seen(tree, said):
    rng = random.Random(7)
    said(tree)
    for turn in range(25):
        names = sorted(path.name for path in tree.glob("m?*.py")
                       if path.name != "main.py")
        first, second = rng.sample(names, 2)
        kind = turn % 5
        if kind == 0:
            (tree / first).write_text(f"import turn{turn}\n")
        elif kind == 1:
            (tree / first).unlink()
        elif kind == 2:
            (tree / first).rename(tree / second)
        elif kind == 3:
            (tree / first).rename(tree / "swap")
            (tree / second).rename(tree / first)
            (tree / "swap").rename(tree / second)
        else:
            (tree / first).write_text("import here\n")
            (tree / first).unlink()
            (tree / first).symlink_to(second)
        if turn % 2:
            time.sleep(SETTLED_S)
        assert said(tree) == said(tree, fresh=True)


def test_an_edit_within_a_tick_that_keeps_size_and_times_is_seen(tree, said):
    path = tree / "m1.py"
    for turn in range(20):
        path.write_text("import a\n")
        before = path.stat()
        assert '"a"' in said(tree)
        with path.open("r+") as file:
            file.write("import b\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        answer = said(tree)
        assert '"b"' in answer and '"a"' not in answer


def test_a_damaged_memo_is_as_none_and_made_anew(tree, said, tmp_path):
    cold = said(tree)
    whole = memo(tmp_path).read_bytes()
    rng = random.Random(11)
    damaged = [b"", whole[:20], whole[:-1], whole[:len(whole) // 2],
               b"x" * 1000, whole.replace(b"scans 1", b"scans 0")]
    for _ in range(20):
        at = rng.randrange(len(whole))
        damaged.append(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)])
                       + whole[at + 1:])
    for content in damaged:
        memo(tmp_path).write_bytes(content)
        assert said(tree) == cold
        assert memo(tmp_path).read_bytes() == whole


def test_only_the_last_checks_files_are_kept(tree, said, tmp_path):
    said(tree)
    size = memo(tmp_path).stat().st_size
    for number in range(50, MODULES):
        (tree / f"m{number}.py").unlink()
    said(tree)
    assert memo(tmp_path).stat().st_size < size * 0.7


@pytest.mark.parametrize("days, is_kept", [(20, True), (40, False)])
def test_gc_removes_what_was_not_used_for_long(tree, said, slipway, tmp_path,
                                               days, is_kept):
    said(tree)
    used = time.time() - days * 86400
    os.utime(memo(tmp_path), (used, used))
    done = subprocess.run([slipway, "--store", tmp_path / "store", "gc"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert bool(list((tmp_path / "store" / "memos").iterdir())) == is_kept
    if is_kept:
        said(tree)
        assert memo(tmp_path).stat().st_mtime > used + 86400
