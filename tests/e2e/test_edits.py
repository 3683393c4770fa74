"""No edit is missed: not one in the clock's same tick, not one that keeps size
and times of the file, not one under a clock that was set back. An edit that is
taken back gives the images of before, from the store alone."""

import os

HOUR_NS = 3600 * 10**9


def image_of(fleet):
    [image] = fleet.json("build")["images"]
    return image["digest"]


def edit(path, old, new, times_ns):
    """In place, so that inode and size stay; then the times."""
    text = path.read_text()
    assert text.count(old) == 1 and len(old) == len(new)
    with path.open("r+") as file:
        file.write(text.replace(old, new))
    os.utime(path, ns=times_ns)


def test_an_edit_that_keeps_size_and_times_is_seen(hello, tmp_path):
    own = hello.fork(tmp_path)
    path = own.path / "echo" / "service.py"
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    before = os.stat(path)
    same = (before.st_atime_ns, before.st_mtime_ns)
    digests = [image_of(own)]

    for number, times in enumerate((
            same, same, (same[0], same[1] - HOUR_NS),
            (same[0], same[1] + HOUR_NS), (0, 0))):
        edit(path, f"EDITED = {number + 1}", f"EDITED = {number + 2}", times)
        assert os.stat(path).st_size == before.st_size
        digests.append(image_of(own))
    assert len(set(digests)) == len(digests)

    edit(path, "EDITED = 6", "EDITED = 1", same)
    [again] = own.json("build")["images"]
    assert (again["digest"], again["state"]) == (digests[0], "cached")


def test_a_file_put_in_the_place_of_another_is_seen(hello, tmp_path):
    own = hello.fork(tmp_path)
    path = own.path / "echo" / "service.py"
    before, digest = os.stat(path), image_of(own)
    beside = path.with_suffix(".new")
    text = path.read_text()
    beside.write_text(text.replace("\n", "\r", 0) + "\n")
    os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))
    beside.rename(path)
    assert image_of(own) != digest


def test_a_mode_alone_is_a_change(hello, tmp_path):
    own = hello.fork(tmp_path)
    path = own.path / "echo" / "service.py"
    digest = image_of(own)
    path.chmod(0o755)
    assert image_of(own) != digest
    path.chmod(0o644)
    assert image_of(own) == digest
