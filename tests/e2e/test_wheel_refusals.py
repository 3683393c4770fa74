"""Every rule for zips and wheels: one input that breaks it, with the message,
and the unusual inputs that are sound."""

import base64
import hashlib
import os
import pathlib
import subprocess
import tarfile
import zlib

import pytest
from make_wheel import FOLDER, LINK, Member, make_members, make_zip, row

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_wheel2layer"
NAME = "demo-1.0-py3-none-any.whl"
SITE = "opt/venv/lib/python3.11/site-packages/"
INFO = "demo-1.0.dist-info"
BODY = b"".join(b"line %d\n" % i for i in range(5000))


def run(folder, *wheels, options=()):
    """(exit status, stderr without its last line break, files of the layer)"""
    paths = []
    for number, (name, data) in enumerate(wheels):
        path = folder / str(number) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        paths.append(path)
    blob = folder / "layer"
    result = subprocess.run([TOOL, *options, blob, *paths],
                            capture_output=True, text=True)
    files = {}
    if result.returncode == 0:
        with tarfile.open(blob) as tar:
            files = {m.name: (m.mode, tar.extractfile(m).read())
                     for m in tar if m.isfile()}
    return result.returncode, result.stderr.strip(), files


def with_extra(*members, **options):
    return make_zip(make_members(extra=members, **options))


def member(**options):
    return with_extra(Member("demo/a.txt", BODY, **options))


MEMBER = "member 'demo/a.txt' "
ZIPS = {
    "local name": (
        member(local={"name": b"demo/b.txt"}),
        MEMBER + "has another name in its local header than in the directory"),
    "local name length": (
        member(local={"name": b"demo/a.txt2"}),
        MEMBER + "has another name in its local header than in the directory"),
    "local CRC": (
        member(local={"crc": 1}),
        MEMBER + "has another CRC in its local header than in the directory"),
    "local CRC 0": (
        member(local={"crc": 0}),
        MEMBER + "has another CRC in its local header than in the directory"),
    "local size": (
        member(local={"size": 5}),
        MEMBER + "has another size in its local header than in the directory"),
    "local compressed size": (
        member(local={"compressed": 5}),
        MEMBER + "has another size in its local header than in the directory"),
    "local method": (
        member(local={"method": 0}),
        MEMBER + "has another method or other flags in its local header than "
        "in the directory"),
    "local flags": (
        member(local={"flags": 8}),
        MEMBER + "has another method or other flags in its local header than "
        "in the directory"),
    "local extra": (
        member(local={"extra": b"\1\0\x10\0"}),
        MEMBER + "has a malformed extra field in its local header"),
    "local zip64": (
        member(zip64=True, central={"extra": b"\1\0\x10\0" +
                                    (9).to_bytes(8, "little") +
                                    (9).to_bytes(8, "little")},
               method=0),
        MEMBER + "has another size in its local header than in the directory"),
    "central CRC": (
        member(central={"crc": 1}, local={"crc": 1}),
        MEMBER + "has other bytes than its CRC says"),
    "smaller size": (
        member(central={"size": 9}, local={"size": 9}),
        f"its RECORD and its files disagree: 'demo/a.txt' is listed with "
        f"another size"),
    "no local header": (
        member(central={"offset": 1}),
        MEMBER + "has no local header"),
    "offset behind directory": (
        member(central={"offset": 1 << 30}),
        MEMBER + "runs into the directory"),
    "size into directory": (
        member(central={"compressed": 1 << 30}),
        MEMBER + "runs into the directory"),
    "descriptor lies early": (
        member(descriptor="signed", local={"crc": 1}),
        MEMBER + "has another CRC in its local header than in the directory"),
    "twice": (
        with_extra(Member("demo/a.txt"), Member("demo/a.txt")),
        MEMBER + "is there twice"),
    "file and folder": (
        with_extra(Member("demo/a.txt"), Member("demo/a.txt/b")),
        "member 'demo/a.txt/b' is below a member that is no folder"),
    "encrypted": (member(flags=1), MEMBER + "is encrypted or patched"),
    "strongly encrypted": (member(flags=0x41),
                           MEMBER + "is encrypted or patched"),
    "masked headers": (member(flags=0x2000),
                       MEMBER + "is encrypted or patched"),
    "patch": (member(flags=0x20), MEMBER + "is encrypted or patched"),
    "method": (
        member(method=12),
        MEMBER + "has compression method 12; a wheel may have stored and "
        "deflated members"),
    "symbolic link": (member(mode=LINK), MEMBER + "is a symbolic link"),
    "device": (member(mode=0o20644), MEMBER + "is a special file"),
    "pipe": (member(mode=0o10644), MEMBER + "is a special file"),
    "folder without slash": (
        member(mode=FOLDER), MEMBER + "is a folder without a '/' at its end"),
    "folder with bytes": (
        with_extra(Member("demo/a/", b"abc", mode=FOLDER)),
        "member 'demo/a' is a folder with bytes"),
    "stored with two sizes": (
        member(method=0, central={"size": 3}, local={"size": 3}),
        MEMBER + "is stored with two sizes"),
    "other disk": (member(disk=1), MEMBER + "is on another disk"),
    "not deflate": (
        member(stream=b"\7\7\7\7"), MEMBER + "is not a deflate stream"),
    "deflate cut": (
        member(stream=Member("a", BODY).stream[:-5]),
        MEMBER + "has a deflate stream that is cut short"),
    "deflate with junk": (
        member(stream=Member("a", BODY).stream + b"junk"),
        MEMBER + "has bytes after its deflate stream"),
    "deflate with much junk": (
        member(stream=Member("a", BODY).stream + bytes(1 << 20)),
        MEMBER + "has bytes after its deflate stream"),
    "bomb": (
        member(stream=Member("a", bytes(1 << 22)).stream),
        MEMBER + f"has more than the {len(BODY)} bytes it should have"),
    "too few bytes": (
        member(stream=Member("a", BODY[:-1]).stream),
        MEMBER + f"has {len(BODY) - 1} bytes and should have {len(BODY)}"),
    "name not marked as UTF-8": (
        with_extra(Member("demo/\u00fc.txt")),
        "member 'demo/\u00fc.txt' has a name that is not marked as UTF-8"),
    "second name": (
        member(central={"extra": b"\x75\x70\x0f\0\1\0\0\0\0demo/b.txt"}),
        MEMBER + "has a second name in its extra field"),
    "extra too long": (
        member(central={"extra": b"\x99\x99\xff\0abc"}),
        MEMBER + "has a malformed extra field"),
    "zip64 field missing": (
        member(central={"size": 0xffffffff,
                        "extra": b"\1\0\4\0\0\0\0\0"}),
        MEMBER + "has a malformed extra field"),
    "zip64 twice": (
        member(central={"extra": b"\1\0\0\0\1\0\0\0"}),
        MEMBER + "has a malformed extra field"),
    "empty file": (
        b"", "there is no end record: this is no zip archive, or it is cut "
        "short"),
    "cut short": (
        make_zip(make_members())[:-30],
        "there is no end record: this is no zip archive, or it is cut short"),
    "bytes behind": (
        make_zip(make_members(), tail=b"\0\0x"),
        "there are bytes after the end record"),
    "comment cut": (
        make_zip(make_members(), comment=b"abc")[:-1],
        "the comment at the archive's end is cut short"),
    "count too small": (
        make_zip(make_members(), end={"count": 3, "count2": 3}),
        "the directory has more entries than the end record says"),
    "count too large": (
        make_zip(make_members(), end={"count": 5, "count2": 5}),
        "the directory has fewer entries than the end record says, or is "
        "damaged"),
    "two counts": (
        make_zip(make_members(), end={"count": 5}),
        "the end record has two entry counts"),
    "count modulo 65536": (
        make_zip(make_members(), zip64={"count": 65540, "count2": 65540}),
        "the directory has fewer entries than the end record says, or is "
        "damaged"),
    "zip64 count": (
        make_zip(make_members(), zip64={}, end={"count": 9, "count2": 9}),
        "the two end records disagree"),
    "zip64 two counts": (
        make_zip(make_members(), zip64={"count": 9}),
        "the two end records disagree"),
    "zip64 size": (
        make_zip(make_members(), zip64={}, end={"size": 9}),
        "the two end records disagree"),
    "zip64 offset": (
        make_zip(make_members(), zip64={}, end={"offset": 9}),
        "the two end records disagree"),
    "zip64 length": (
        make_zip(make_members(), zip64={"length": 45}),
        "the zip64 end record is not where its locator says"),
    "zip64 locator": (
        make_zip(make_members(), zip64={}, locator={"offset": 7}),
        "the zip64 end record is not where its locator says"),
    "zip64 locator far": (
        make_zip(make_members(), zip64={}, locator={"offset": 1 << 60}),
        "the zip64 end record is not where its locator says"),
    "zip64 disks": (
        make_zip(make_members(), zip64={}, locator={"disks": 2}),
        "the archive spans several disks"),
    "disks": (
        make_zip(make_members(), end={"disk": 1}),
        "the archive spans several disks"),
    "many members": (
        make_zip(make_members(), zip64={"count": 1 << 40, "count2": 1 << 40}),
        "the directory is larger than any wheel's"),
    "before the end record": (
        make_zip(make_members(), between=b"PK"),
        "the directory does not end where the end record begins"),
    "directory offset": (
        make_zip(make_members(), end={"offset": 0}),
        "the directory does not end where the end record begins"),
    "prepended": (
        b"x" + make_zip(make_members()),
        "the directory does not end where the end record begins"),
}
for form in ["", "signed", "wide", "signed wide"]:
    for field in ["crc", "compressed", "size"]:
        ZIPS[f"descriptor {form} {field}"] = (
            member(descriptor=form, described={field: 1}),
            MEMBER + "has a data descriptor that does not say what the "
            "directory says")
for title, name in {
        "absolute": b"/demo", "parent": b"demo/../../a", "dot": b"./demo",
        "empty": b"", "empty part": b"demo//a", "backslash": b"demo\\a",
        "control": b"demo\x01", "line break": b"demo\na", "delete": b"a\x7f",
        "NUL": b"demo\0.py", "not UTF-8": b"demo\xff", "slash": b"/",
        "surrogate": b"demo\xed\xa0\x80"}.items():
    ZIPS["name: " + title] = (
        make_zip(make_members() + [Member(name, flags=0x800)]),
        "a member has a name that is empty, absolute, not UTF-8, or has a "
        "'..', '.' or empty part, a backslash or a control character")


def make_overlap():
    """c.txt lies inside the bytes of the stored b.txt."""
    inner = Member(f"demo/c.txt", b"abc")
    outer = Member("demo/b.txt", inner.local(), method=0)
    members = make_members(extra=[outer, inner])
    before = members[:members.index(outer)]
    offset = sum(len(m.local()) for m in before) + 30 + len(outer.name)
    inner.central_fields["offset"] = offset
    return make_zip(members)


ZIPS["overlap"] = (make_overlap(),
                   "member 'demo/c.txt' overlaps member 'demo/b.txt'")


@pytest.mark.parametrize("case", ZIPS)
def test_zip_is_refused(case, tmp_path):
    data, message = ZIPS[case]
    status, text, _ = run(tmp_path, (NAME, data))
    assert text.splitlines()[0] == f"wheel '{NAME}': {message}"
    assert status == 1


def sound(**options):
    return make_zip(make_members(**options))


DISAGREE = "its RECORD and its files disagree: "
EP = b"[console_scripts]\n"
WHEELS = {
    "file name": ("demo.whl", sound(), "its file name is not that of a wheel"),
    "other name": (
        "other-1.0-py3-none-any.whl", sound(),
        "its folder 'demo-1.0.dist-info' is of another name or version than "
        "the file name"),
    "other version": (
        "demo-1.1-py3-none-any.whl", sound(),
        "its folder 'demo-1.0.dist-info' is of another name or version than "
        "the file name"),
    "metadata name": (
        NAME, sound(metadata=b"Name: other\nVersion: 1.0\n"),
        "its METADATA is of other 1.0, its file name is not"),
    "metadata version": (
        NAME, sound(metadata=b"Name: demo\nVersion: 1.0.1\n"),
        "its METADATA is of demo 1.0.1, its file name is not"),
    "metadata in body": (
        NAME, sound(metadata=b"Name: demo\n\nVersion: 1.0\n"),
        "its METADATA has no Name or no Version"),
    "bad name": (
        NAME, sound(metadata=b"Name: ../demo\nVersion: 1.0\n"),
        "its METADATA has the Name '../demo', which is none"),
    "no METADATA": (NAME, sound(metadata=None),
                    f"it has no '{INFO}/METADATA'"),
    "no WHEEL": (NAME, sound(wheel=None), f"it has no '{INFO}/WHEEL'"),
    "no RECORD": (NAME, sound(record=False), f"it has no '{INFO}/RECORD'"),
    "no dist-info": (NAME, make_zip([Member("demo.py", b"")]),
                     "it has no dist-info folder"),
    "two dist-infos": (
        NAME, sound(files={"demo-1.1.dist-info/a": b""}),
        "it has two dist-info folders, 'demo-1.0.dist-info' and "
        "'demo-1.1.dist-info'"),
    "no version of wheel": (
        NAME, sound(wheel=b"Root-Is-Purelib: true\n"),
        "its WHEEL file has no Wheel-Version"),
    "newer wheel": (NAME, sound(wheel=b"Wheel-Version: 2.0\n"),
                    "it has Wheel-Version 2.0; slipway knows 1"),
    "odd wheel": (NAME, sound(wheel=b"Wheel-Version: 1\n"),
                  "its Wheel-Version '1' is not MAJOR.MINOR"),
    "unlisted": (
        NAME, sound(files={"demo.py": b"", "evil.py": b""},
                    unlisted=["evil.py"]),
        DISAGREE + "'evil.py' is not listed"),
    "listed and absent": (
        NAME, sound(rows=[row("gone.py", b"")]),
        DISAGREE + "'gone.py' is listed and is not there"),
    "without hash": (
        NAME, sound(files={"demo.py": b""}, unlisted=["demo.py"],
                    rows=["demo.py,,0"]),
        DISAGREE + "'demo.py' is listed without a hash"),
    "other hash": (
        NAME, sound(files={"demo.py": b"a"}, unlisted=["demo.py"],
                    rows=[row("demo.py", b"b")]),
        DISAGREE + "'demo.py' has another hash than listed"),
    "other hash, large": (
        NAME, sound(files={"demo.txt": BODY}, unlisted=["demo.txt"],
                    rows=[row("demo.txt", BODY[::-1])]),
        DISAGREE + "'demo.txt' has another hash than listed"),
    "other SHA-512": (
        NAME, sound(files={"demo.py": b"a"}, unlisted=["demo.py"],
                    rows=[row("demo.py", b"b", "sha512")]),
        DISAGREE + "'demo.py' has another hash than listed"),
    "other hash of a script": (
        NAME, sound(files={"demo-1.0.data/scripts/run": b"#!python\n"},
                    unlisted=["demo-1.0.data/scripts/run"],
                    rows=[row("demo-1.0.data/scripts/run", b"#!pythom\n")]),
        DISAGREE + "'demo-1.0.data/scripts/run' has another hash than "
        "listed"),
    "listed twice": (
        NAME, sound(files={"demo.py": b"a"}, rows=[row("demo.py", b"b")]),
        "its RECORD lists 'demo.py' twice, with different hashes or sizes"),
    "weak hash": (
        NAME, sound(algorithm="md5"),
        "its RECORD has the hash 'md5=MlO0EFnKxumHxaXpIz6l0A' for "
        "'demo/__init__.py', which is no SHA-256, SHA-384 or SHA-512"),
    "bad base64": (
        NAME, sound(rows=["a.py,sha256=!!,0"]),
        "its RECORD has the hash 'sha256=!!' for 'a.py', which is no "
        "SHA-256, SHA-384 or SHA-512"),
    "open quote": (NAME, sound(record=b'"a.py,,\n'),
                   "line 1 of its RECORD has a broken quote"),
    "text behind quote": (NAME, sound(record=b'"a.py"x,,\n'),
                          "line 1 of its RECORD has a broken quote"),
    "size": (NAME, sound(rows=["a.py,,-1"]),
             "line 4 of its RECORD has a size that is no number"),
    "path of a row": (NAME, sound(rows=["../a.py,,"]),
                      "line 4 of its RECORD has no clean path"),
    "RECORD not UTF-8": (NAME, sound(record=b"\xff,,\n"),
                         "its RECORD is not UTF-8"),
    "scheme": (
        NAME, sound(files={"demo-1.0.data/sbin/a": b""}),
        "its member 'demo-1.0.data/sbin/a' is of the unknown scheme 'sbin'"),
    "no scheme": (
        NAME, sound(files={"demo-1.0.data/a": b""}),
        "its member 'demo-1.0.data/a' is in no scheme's folder"),
    "two files for a path": (
        NAME, sound(files={"demo.py": b"a",
                           "demo-1.0.data/purelib/demo.py": b"b"}),
        "it has two different files for '/" + SITE + "demo.py'"),
    "pyvenv.cfg": (
        NAME, sound(files={"demo-1.0.data/data/pyvenv.cfg": b""}),
        "it would replace '/opt/venv/pyvenv.cfg', which is the image's own"),
    "interpreter": (
        NAME, sound(files={"demo-1.0.data/scripts/python3.11": b""}),
        "it would replace '/opt/venv/bin/python3.11', which is the image's "
        "own"),
    "interpreter by data": (
        NAME, sound(files={"demo-1.0.data/data/bin/python": b""}),
        "it would replace '/opt/venv/bin/python', which is the image's own"),
    "RECORD by scheme": (
        NAME, sound(files={f"demo-1.0.data/purelib/{INFO}/RECORD": b""}),
        f"'{SITE}{INFO}/RECORD' comes twice in one layer"),
    "whiteout": (
        NAME, sound(files={"demo/.wh.os.py": b""}),
        f"cannot put '{SITE}demo/.wh.os.py' into a layer: names that begin "
        "with '.wh.' delete files there"),
    "command leaves bin": (
        NAME, sound(entry_points=EP + b"../x = demo:main\n"),
        "its entry_points.txt has a command '../x', which would leave bin/"),
    "command with slash": (
        NAME, sound(entry_points=EP + b"a/x = demo:main\n"),
        "its entry_points.txt has a command 'a/x', which would leave bin/"),
    "command python": (
        NAME, sound(entry_points=EP + b"python3 = demo:main\n"),
        "its entry_points.txt has a command 'python3', the name of the "
        "interpreter"),
    "command without callable": (
        NAME, sound(entry_points=EP + b"x = demo\n"),
        "its entry_points.txt has the command 'x = demo', which is not "
        "MODULE:CALLABLE"),
    "command with code": (
        NAME, sound(entry_points=EP + b"x = demo:main();evil\n"),
        "its entry_points.txt has the command 'x = demo:main();evil', which "
        "is not MODULE:CALLABLE"),
    "command without equals": (
        NAME, sound(entry_points=EP + b"x: demo\n"),
        "its entry_points.txt has the line 'x: demo' without a '='"),
    "entry points not UTF-8": (
        NAME, sound(entry_points=EP + b"\xff = demo:main\n"),
        "its entry_points.txt is not UTF-8"),
}


@pytest.mark.parametrize("case", WHEELS)
def test_wheel_is_refused(case, tmp_path):
    name, data, message = WHEELS[case]
    status, text, _ = run(tmp_path, (name, data))
    assert text.splitlines()[0] == f"wheel '{name}': {message}"
    assert status == 1
    if message.startswith(DISAGREE):
        assert "policy.exceptions: {id: wheel-record, package: demo" in text


def test_other_hash_is_refused(tmp_path):
    data = sound()
    found = hashlib.sha256(data).hexdigest()
    wrong = hashlib.sha256(b"").hexdigest()
    status, text, _ = run(tmp_path, (NAME, data),
                          options=["--sha256", wrong])
    assert text == (f"wheel '{NAME}': its SHA-256 is {found} and the lock "
                    f"says {wrong}")
    assert status == 1
    assert run(tmp_path, (NAME, data), options=["--sha256", found])[0] == 0


def test_missing_file(tmp_path):
    result = subprocess.run([TOOL, tmp_path / "out", tmp_path / NAME],
                            capture_output=True, text=True)
    assert result.returncode == 3
    assert result.stderr.startswith(f"wheel '{NAME}': cannot open ")


LARGE = bytes(range(256)) * 4097


def large(content, listed, name="demo"):
    """A wheel whose RECORD gives its one large file the hash of listed."""
    return sound(files={"big.so": content}, unlisted=["big.so"],
                 rows=[row("big.so", listed)], info=f"{name}-1.0.dist-info",
                 metadata=f"Name: {name}\nVersion: 1.0\n".encode())


def test_hash_of_a_large_file_is_compared_where_strict(tmp_path):
    """Above 1 MiB the wheel's own SHA-256, size and CRC-32 have to do."""
    wheel = (NAME, large(LARGE, LARGE[::-1]))
    assert run(tmp_path, wheel)[0] == 0
    status, text, _ = run(tmp_path, wheel, options=["--strict"])
    assert status == 1
    assert text.splitlines()[0] == (
        f"wheel '{NAME}': {DISAGREE}'big.so' has another hash than listed")
    assert run(tmp_path, (NAME, large(LARGE, LARGE)),
               options=["--strict"])[0] == 0


def test_large_source_is_hashed_always(tmp_path):
    wheel = sound(files={"big.py": LARGE}, unlisted=["big.py"],
                  rows=[row("big.py", LARGE[::-1])])
    status, text, _ = run(tmp_path, (NAME, wheel))
    assert status == 1
    assert "'big.py' has another hash than listed" in text


def test_unlike_large_files_under_one_hash_clash(tmp_path):
    """A RECORD that lies does not make two files one."""
    other = NAME.replace("demo", "other")
    status, text, _ = run(
        tmp_path, (NAME, large(LARGE, LARGE)),
        (other, large(LARGE[::-1], LARGE, name="other")))
    assert status == 1
    assert "install different files at" in text


@pytest.mark.parametrize("defect", ["unlisted", "listed and absent",
                                    "without hash", "other hash",
                                    "listed twice", "weak hash", "open quote",
                                    "RECORD not UTF-8"])
def test_an_exception_is_possible(defect, tmp_path):
    """With a reason, what is there is installed, with its true hashes."""
    name, data, _ = WHEELS[defect]
    status, text, files = run(tmp_path, (name, data),
                              options=["--exception", "known"])
    assert (status, text) == (0, "")
    record = files[f"{SITE}{INFO}/RECORD"][1].decode()
    for path, (_, content) in files.items():
        if path.startswith(SITE) and not path.endswith("/RECORD"):
            assert row(path[len(SITE):], content) + "\r\n" in record


SOUND = {
    "stored": dict(method=0),
    "descriptors": dict(descriptor="signed"),
    "descriptors without signature": dict(descriptor=""),
    "wide descriptors": dict(descriptor="signed wide"),
    "plain wide descriptors": dict(descriptor="wide"),
    "zip64 members": dict(zip64=True),
    "zip64 with descriptors": dict(zip64=True, descriptor="signed wide"),
    "modes without type": dict(mode=0o644),
    "no modes": dict(mode=0),
    "local extra": dict(local={"extra": b"\x99\x99\2\0ab\0\0"}),
    "UTF-8 flag": dict(flags=0x800),
    "gaps": dict(junk=b"gap"),
}
FILES = {
    "demo/__init__.py": b"", "demo/data.txt": BODY,
    "demo/with,comma.txt": b"1", 'demo/with"quote.txt': b"2",
}


@pytest.mark.parametrize("case", SOUND)
def test_unusual_but_sound_zips(case, tmp_path):
    members = make_members(FILES, **SOUND[case])
    for number, options in enumerate([
            {}, {"zip64": {}}, {"comment": b"hello"}, {"tail": bytes(9)}]):
        folder = tmp_path / str(number)
        folder.mkdir()
        status, text, files = run(folder, (NAME, make_zip(members, **options)))
        assert (status, text) == (0, "")
        for name, data in FILES.items():
            assert files[SITE + name] == (0o644, data)


def test_records_of_other_kinds(tmp_path):
    for number, options in enumerate([
            {"algorithm": "sha512"}, {"algorithm": "sha384"}, {}]):
        folder = tmp_path / str(number)
        folder.mkdir()
        members = make_members(FILES, **options)
        status, text, files = run(folder, (NAME, make_zip(members)))
        assert (status, text) == (0, "")
        record = files[f"{SITE}{INFO}/RECORD"][1].decode()
        assert row("demo/data.txt", BODY) + "\r\n" in record


def test_where_files_go(tmp_path):
    data = "demo-1.0.data/"
    files = {
        "demo/__init__.py": b"a", "demo/__pycache__/x.cpython-311.pyc": b"b",
        data + "purelib/p.py": b"c", data + "platlib/q/r.so": b"d",
        data + "headers/demo.h": b"e", data + "data/share/doc/x": b"f",
        data + "scripts/tool": b"#!pythonw -I\r\nprint(1)\n",
        data + "scripts/other": b"#!/bin/sh\n", data + "scripts/main": b"g",
        data + "scripts/main-script.py": b"h", data + "scripts/bare":
        b"#!python", f"{INFO}/INSTALLER": b"pip\n", f"{INFO}/REQUESTED": b"",
    }
    members = make_members(
        files, entry_points=b"# text\n[other]\nx\n[console_scripts]\n"
        b"main = demo.cli : Tool.run [extra]\n\n[gui_scripts]\nwin=demo:w\n",
        extra=[Member("demo/tool.sh", b"i", mode=0o100775),
               Member("demo/typeless.sh", b"j", mode=0o775),
               Member("demo/empty/", mode=FOLDER)])
    status, text, found = run(tmp_path, (NAME, make_zip(members)))
    assert (status, text) == (0, "")
    for name in ["METADATA", "WHEEL", "entry_points.txt", "RECORD"]:
        assert found.pop(f"{SITE}{INFO}/{name}")[0] == 0o644
    bin_ = "opt/venv/bin/"
    wrapper = (b"#!/opt/venv/bin/python\nimport sys\n"
               b"from %s import %s\nif __name__ == '__main__':\n"
               b"    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n"
               b"    sys.exit(%s())\n")
    assert found == {
        SITE + "demo/__init__.py": (0o644, b"a"),
        SITE + "p.py": (0o644, b"c"), SITE + "q/r.so": (0o644, b"d"),
        "opt/venv/include/site/python3.11/demo/demo.h": (0o644, b"e"),
        "opt/venv/share/doc/x": (0o644, b"f"),
        bin_ + "tool": (0o755, b"#!/opt/venv/bin/python\nprint(1)\n"),
        bin_ + "other": (0o755, b"#!/bin/sh\n"),
        bin_ + "bare": (0o755, b"#!/opt/venv/bin/python\n"),
        bin_ + "main": (0o755, wrapper % (b"demo.cli", b"Tool", b"Tool.run")),
        bin_ + "win": (0o755, wrapper % (b"demo", b"w", b"w")),
        SITE + "demo/tool.sh": (0o755, b"i"),
        SITE + "demo/typeless.sh": (0o644, b"j"),
        SITE + f"{INFO}/INSTALLER": (0o644, b"slipway\n"),
    }


def test_newer_minor_version_is_a_warning(tmp_path):
    status, text, files = run(
        tmp_path, (NAME, sound(wheel=b"Wheel-Version: 1.9\n")))
    assert status == 0 and files
    assert f"wheel '{NAME}' has the newer Wheel-Version 1.9" in text


def test_another_root_and_python(tmp_path):
    _, _, files = run(tmp_path, (NAME, sound(entry_points=EP + b"x=a:b\n")),
                      options=["--root", "/srv/env", "--python", "3.13"])
    assert "srv/env/lib/python3.13/site-packages/demo/__init__.py" in files
    assert files["srv/env/bin/x"][1].startswith(b"#!/srv/env/bin/python\n")


def other(files, **options):
    metadata = b"Name: other\nVersion: 2\n"
    return ("other-2-py3-none-any.whl",
            sound(files=files, info="other-2.dist-info", metadata=metadata,
                  **options))


def test_two_wheels_share_equal_files(tmp_path):
    files = {"ns/__init__.py": b"", "ns/a.py": b"a"}
    status, text, found = run(tmp_path, (NAME, sound(files=files)),
                              other({"ns/__init__.py": b"", "ns/b.py": b"b"}))
    assert (status, text) == (0, "")
    for info in [INFO, "other-2.dist-info"]:
        assert b"ns/__init__.py,sha256=" in found[f"{SITE}{info}/RECORD"][1]
    assert found[SITE + "ns/b.py"] == (0o644, b"b")


@pytest.mark.parametrize("files,what", [
    ({"ns/__init__.py": b"2"},
     f"install different files at '/{SITE}ns/__init__.py'"),
    ({"ns/__init__.py/x": b""},
     f"install a file and a folder at '/{SITE}ns/__init__.py'"),
    ({"ns": b""}, f"install a folder and a file at '/{SITE}ns'"),
])
def test_two_wheels_with_one_path(files, what, tmp_path):
    status, text, _ = run(tmp_path,
                          (NAME, sound(files={"ns/__init__.py": b"1"})),
                          other(files))
    assert text.splitlines()[0] == (
        f"wheel 'other-2-py3-none-any.whl': demo 1.0 and other 2 {what}")
    assert status == 1


def test_same_bytes_with_another_mode_differ(tmp_path):
    executable = make_zip(make_members(
        {"x": b""}, info="other-2.dist-info",
        metadata=b"Name: other\nVersion: 2\n",
        extra=[Member("ns/a", b"1", mode=0o100755)]))
    _, text, _ = run(tmp_path, (NAME, sound(files={"ns/a": b"1"})),
                     ("other-2-py3-none-any.whl", executable))
    assert f"install different files at '/{SITE}ns/a'" in text


def test_a_member_above_4_gib(tmp_path):
    """Deflated zeros, declared by zip64; streamed in bounded memory."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    chunk, digest, stream, crc = bytes(1 << 24), hashlib.sha256(), b"", 0
    count = 257
    for _ in range(count):
        stream += deflate.compress(chunk)
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
    stream += deflate.flush()
    large = Member("demo/large", b"", stream=stream, zip64=True)
    large.crc = crc
    size = count << 24
    large.local_fields["extra"] = large.central_fields["extra"] = (
        b"\1\0\x10\0" + size.to_bytes(8, "little") +
        len(stream).to_bytes(8, "little"))
    text = base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
    members = make_members(rows=[f"demo/large,sha256={text},{size}"])
    data = make_zip(members + [large])
    path = tmp_path / NAME
    path.write_bytes(data)
    limit = ["sh", "-c", 'ulimit -v 400000; exec "$@"', "sh"]
    result = subprocess.run([*limit, TOOL, tmp_path / "layer", path],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    raw_bytes = int(result.stdout.split()[3])
    assert raw_bytes > size
