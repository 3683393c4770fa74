"""Debian bases of archives that the test makes: what is refused and why, where
mirrors and keys are found, what two packages may not do to each other."""

import http.server
import os
import pathlib
import shutil
import subprocess
import tarfile
import threading
import time

import pytest

from debian_archive import Archive, Key

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
TOOL = BUILD / "tests/unit/tool_debian"


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return Key(tmp_path_factory.mktemp("keys") / "own")


@pytest.fixture(scope="module")
def other_key(tmp_path_factory):
    return Key(tmp_path_factory.mktemp("keys") / "other")


@pytest.fixture
def archive(tmp_path, key):
    made = Archive(tmp_path / "mirror", key)
    made.publish()
    return made


class Runs:
    def __init__(self, tmp_path, archive):
        self.store = tmp_path / "store"
        self.folder = tmp_path
        self.archive = archive
        self.options = [f"--mirror={archive.url}",
                        f"--keyring={archive.key.keyring}"]

    def tool(self, verb, *arguments):
        return subprocess.run([TOOL, verb, self.store, *arguments,
                               *self.options],
                              capture_output=True, text=True, check=False)

    def lock(self, *packages):
        return self.tool("lock", "bookworm", "linux/amd64", *packages)

    def locked(self, *packages):
        done = self.lock(*packages)
        assert done.returncode == 0, done.stderr
        path = self.folder / "base.list"
        path.write_text(done.stdout)
        return path

    def build(self, listed, *more):
        return self.tool("build", "linux/amd64", listed, self.folder, *more)

    def system(self, listed, *packages):
        return self.tool("system", "bookworm", "linux/amd64", listed,
                         *packages)


@pytest.fixture
def runs(tmp_path, archive):
    return Runs(tmp_path, archive)


class Server:
    """The archive over http, on a port of this host."""

    def __init__(self, root):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=root)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def names(text):
    return [line.split()[0] for line in text.splitlines()]


def refused(done, *words, status=3):
    assert done.returncode == status, (done.returncode, done.stdout,
                                       done.stderr)
    for word in words:
        assert word in done.stderr, done.stderr


def test_takes_what_is_needed_and_leaves_out_what_only_scripts_need(runs):
    assert names(runs.locked().read_text()) == [
        "base-files", "ca-certificates", "dash", "libc-bin", "libc6",
        "libstdc++6", "media-types", "netbase", "python3",
        "python3.11-minimal", "tzdata"]


def test_takes_what_is_asked_for_by_name_with_what_it_needs(runs):
    assert {"perl", "perl-data"} <= set(names(runs.locked("perl").read_text()))


def test_takes_the_highest_version_of_the_three_suites(runs, archive):
    archive.add("tzdata", version="1.0-1+deb12u1", suite="bookworm-security")
    archive.add("tzdata", version="1.0-1+deb12u0", suite="bookworm-updates")
    archive.publish()
    lines = {line.split()[0]: line.split()
             for line in runs.locked().read_text().splitlines()}
    assert lines["tzdata"][1] == "1.0-1+deb12u1"
    assert lines["tzdata"][3] == "bookworm-security"


def test_says_which_package_there_is_not(runs):
    refused(runs.lock("nosuch"), "has no package 'nosuch'", status=1)


def test_says_what_a_virtual_name_stands_for(runs, archive):
    archive.add("mawk", fields="Provides: awk\n")
    archive.publish()
    refused(runs.lock("awk"), "has no package 'awk'", "mawk", status=1)


def test_says_why_packages_cannot_be_together(runs, archive):
    archive.add("bad", depends="missing (>= 2)")
    archive.publish()
    refused(runs.lock("bad"), "cannot be installed together", "missing",
            status=1)


def test_says_which_python_there_is(runs):
    refused(runs.lock("--python=3.12"), "has Python 3.11, not 3.12", status=1)


def test_refuses_an_expired_release(runs, archive):
    archive.release("bookworm-security", valid_until=time.time() - 60)
    refused(runs.lock(), "bookworm-security/InRelease", "expired")


def test_refuses_a_release_from_the_future(runs, archive):
    archive.release("bookworm", date=time.time() + 3 * 86400)
    refused(runs.lock(), "from the future")


def test_judges_dates_by_the_given_clock(runs, archive):
    runs.options.append(f"--now={int(time.time()) + 2 * 86400}")
    refused(runs.lock(), "expired")


def test_refuses_an_unsigned_release(runs, archive):
    path = archive.root / "dists/bookworm/InRelease"
    text = path.read_text().split("\n\n", 1)[1]
    path.write_text(text.split("-----BEGIN PGP SIGNATURE", 1)[0])
    refused(runs.lock(), "it is not signed")


def test_refuses_a_release_of_another_key(runs, archive, other_key):
    own, archive.key = archive.key, other_key
    archive.release("bookworm")
    archive.key = own
    refused(runs.lock(), "signed by the key", "which is not among",
            str(own.keyring))


def test_refuses_a_release_that_was_changed(runs, archive):
    path = archive.root / "dists/bookworm/InRelease"
    path.write_text(path.read_text().replace("Origin: Test",
                                             "Origin: Best"))
    refused(runs.lock(), "changed after it was signed")


def test_refuses_text_around_the_signed_message(runs, archive):
    path = archive.root / "dists/bookworm/InRelease"
    path.write_text("Origin: me\n" + path.read_text())
    refused(runs.lock(), "it is not signed")


def test_refuses_two_messages_in_one(runs, archive):
    path = archive.root / "dists/bookworm/InRelease"
    path.write_bytes(path.read_bytes() * 2)
    refused(runs.lock(), "it is not signed")


def test_refuses_the_release_of_another_suite(runs, archive):
    archive.release("bookworm-updates", codename="trixie-updates")
    refused(runs.lock(), "it is of the suite 'trixie-updates'")


def test_refuses_a_list_that_is_not_the_signed_one(runs, archive):
    path = archive.root / "dists/bookworm/main/binary-amd64/Packages.xz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    refused(runs.lock(), "the package list of 'bookworm'")


def test_refuses_a_package_with_another_hash(runs, archive):
    listed = runs.locked()
    path = archive.root / "pool/main/tzdata_1.0-1_amd64.deb"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    refused(runs.build(listed), "tzdata")


def test_says_that_a_version_is_gone_and_takes_a_snapshot(runs, archive,
                                                          tmp_path):
    listed = runs.locked()
    old = tmp_path / "old/pool/main"
    old.mkdir(parents=True)
    shutil.move(archive.root / "pool/main/tzdata_1.0-1_amd64.deb", old)
    with Server(archive.root) as url:
        runs.options = [f"--mirror={url}"]
        refused(runs.build(listed), "no mirror has the package tzdata 1.0-1",
                "slipway lock --upgrade")
    runs.options = [f"--mirror={archive.url}",
                    f"--snapshot=file://{tmp_path / 'old'}"]
    assert runs.build(listed).returncode == 0


# -- where mirrors and keys come from --


def host(tmp_path, sources, name="sources.list"):
    folder = tmp_path / "host/etc/apt"
    (folder / "sources.list.d").mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(sources)
    return f"--host-root={tmp_path / 'host'}"


def test_reads_one_line_sources(runs, archive, tmp_path):
    keys = tmp_path / "host/keys/archive.asc"
    keys.parent.mkdir(parents=True)
    shutil.copy(archive.key.armored, keys)
    lines = "".join(
        f"deb [arch=amd64 signed-by=/keys/archive.asc] file:{archive.root} "
        f"{suite} main contrib # remark\n"
        for suite in ("bookworm", "bookworm-updates", "bookworm-security"))
    runs.options = [host(tmp_path, "# old\ndeb-src http://127.0.0.1:1 "
                                   "bookworm main\n" + lines)]
    assert "tzdata" in runs.locked().read_text()


def test_reads_deb822_sources_with_keys_in_them(runs, archive, tmp_path):
    block = "".join(f"\n {line or '.'}" for line in
                    archive.key.armored.read_text().splitlines())
    runs.options = [host(
        tmp_path,
        f"Types: deb\nURIs: file://{archive.root}/\nSuites: bookworm\n"
        f"  bookworm-updates bookworm-security\nComponents: main\n"
        f"Signed-By:{block}\n\n"
        "Types: deb\nURIs: http://127.0.0.1:1\nSuites: nodistro\n"
        "Components: main\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://127.0.0.1:2\n"
        "Suites: bookworm\nComponents: main\n",
        "sources.list.d/debian.sources")]
    assert "tzdata" in runs.locked().read_text()


def test_takes_the_mirror_of_another_release(runs, archive, tmp_path):
    runs.options = [
        host(tmp_path,
             f"deb file:{archive.root} trixie main\n"
             f"deb file:{archive.root} trixie-updates main\n"
             f"deb file:{archive.root} trixie-security main\n"
             "deb http://127.0.0.1:1 jammy main\n"),
        f"--keyring={archive.key.keyring}"]
    assert "tzdata" in runs.locked().read_text()


def test_says_that_no_mirror_is_known(runs, tmp_path):
    runs.options = [host(tmp_path, "deb http://127.0.0.1:1 jammy main\n")]
    refused(runs.lock(), "no mirror is known", "bases.NAME.mirror")


def test_says_that_no_keys_are_known(runs, archive, tmp_path):
    runs.options = [host(tmp_path, ""), f"--mirror={archive.url}"]
    refused(runs.lock(), "no keys of the Debian archive",
            "install debian-archive-keyring")


# -- what packages may not do --


def entry(name, data=b"x", kind=tarfile.REGTYPE, mode=0o644, target=""):
    return {"name": name, "data": data, "kind": kind, "mode": mode,
            "target": target}


def link(name, target):
    return entry(name, None, tarfile.SYMTYPE, 0o777, target)


HOSTILE = {
    "leaves": ([entry("./../evil")], "leaves the package's root"),
    "absolute": ([entry("/evil")], "is absolute"),
    "device": ([entry("./dev/x", None, tarfile.CHRTYPE)], "a device"),
    "hard": ([entry("./x", None, tarfile.LNKTYPE, target="../../etc/passwd")],
             "leaves the package's root"),
    "hard-missing": ([entry("./x", None, tarfile.LNKTYPE,
                            target="./usr/nothing")],
                     "which is not there before it"),
    "through-link": ([link("./usr/share/out", "/etc"),
                      entry("./usr/share/out/passwd")],
                     "would be below '/usr/share/out', which is a link"),
    "link-over-folder": ([entry("./usr/share/a/b"),
                          link("./usr/share/a", "/etc")],
                         "is a link of the package"),
    "twice": ([entry("./usr/share/a"), entry("./usr/share/a", b"y")],
              "is a file of the package"),
    "folded-twice": ([entry("./lib/a"), entry("./usr/lib/a", b"y")],
                     "is a file of the package"),
    "of-another": ([entry("./usr/share/tzdata/data", b"y")],
                   "is a file of the package"),
    "users": ([entry("./etc/passwd/x")], "where slipway makes a file"),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_refuses_a_hostile_package(runs, archive, name):
    files, why = HOSTILE[name]
    archive.add("zzz-evil", files=files)
    archive.publish()
    listed = runs.locked("zzz-evil")
    before = sorted(p for p in runs.folder.rglob("*")
                    if runs.store not in p.parents)
    refused(runs.build(listed), why, status=1)
    assert before == sorted(p for p in runs.folder.rglob("*")
                            if runs.store not in p.parents)
    assert not list((runs.store / "trees").iterdir())


def test_refuses_a_package_that_is_not_the_locked_one(runs, archive):
    listed = runs.locked()
    listed.write_text(listed.read_text().replace("tzdata 1.0-1 ",
                                                 "tzdata 1.0-2 "))
    refused(runs.build(listed), "the lock names Version '1.0-2'", status=1)


def test_refuses_a_package_name_that_is_a_path(runs):
    listed = runs.locked()
    listed.write_text(listed.read_text().replace("tzdata 1.0-1 ",
                                                 "../tzdata 1.0-1 "))
    refused(runs.build(listed), "no Debian package has", status=1)


def layer(runs, listed, name="system.tar", *more):
    done = runs.build(listed, *more)
    assert done.returncode == 0, done.stderr
    with tarfile.open(runs.folder / name) as tar:
        return {m.name: (m, tar.extractfile(m).read() if m.isreg() else None)
                for m in tar}


def test_drops_setid_bits_and_owners_and_keeps_modes(runs, archive):
    archive.add("tool", files=[entry("./usr/bin/tool", mode=0o6755),
                               entry("./etc/secret", mode=0o600)])
    archive.publish()
    made = layer(runs, runs.locked("tool"))
    assert made["usr/bin/tool"][0].mode == 0o755
    assert made["etc/secret"][0].mode == 0o600
    assert made["tmp"][0].mode == 0o1777
    assert {(m.uid, m.gid) for n, (m, _) in made.items()
            if n not in ("home/app", "var/mail")} == {(0, 0)}
    assert made["home/app"][0].uid == 10001


def test_folds_usr_and_drops_documentation(runs, archive):
    archive.add("tool", files=[
        entry("./bin/tool"), entry("./lib/x/y"),
        entry("./usr/share/doc/tool/copyright"),
        entry("./usr/share/doc/tool/manual"),
        link("./usr/share/doc/tool-data", "tool"),
        entry("./usr/share/man/man1/tool.1")])
    archive.publish()
    made = layer(runs, runs.locked("tool"))
    assert {"usr/bin/tool", "usr/lib/x/y", "usr/share/doc/tool/copyright",
            "usr/share/doc/tool-data"} <= set(made)
    assert not {"usr/share/doc/tool/manual", "usr/share/man",
                "usr/share/man/man1/tool.1"} & set(made)
    assert made["bin"][0].linkname == "usr/bin"


def test_replaces_what_the_package_may_replace(runs, archive):
    archive.add("new", fields="Replaces: tzdata (<< 2), x\n",
                files=[entry("./usr/share/tzdata/data", b"new")])
    archive.publish()
    assert layer(runs, runs.locked("new"))["usr/share/tzdata/data"][1] == b"new"
    archive.add("a-new", fields="Replaces: tzdata\n",
                files=[entry("./usr/share/tzdata/data", b"newer")])
    archive.publish()
    assert layer(runs, runs.locked("a-new"))["usr/share/tzdata/data"][1] == \
        b"newer"


def test_hard_links_lead_to_the_first_name(runs, archive):
    archive.add("tool", files=[
        entry("./usr/bin/m", b"abc", mode=0o755),
        entry("./usr/bin/z", None, tarfile.LNKTYPE, target="./usr/bin/m"),
        entry("./usr/bin/a", None, tarfile.LNKTYPE, target="./usr/bin/m")])
    archive.publish()
    made = layer(runs, runs.locked("tool"))
    assert made["usr/bin/a"][1] == b"abc" and made["usr/bin/a"][0].mode == 0o755
    assert made["usr/bin/m"][0].linkname == "usr/bin/a"
    assert made["usr/bin/z"][0].linkname == "usr/bin/a"


def test_system_packages_bring_only_what_the_base_lacks(runs, archive):
    archive.add("extra", depends="libc6 (>= 0.5), extra-data, tzdata")
    archive.add("extra-data")
    archive.publish()
    listed = runs.locked()
    done = runs.system(listed, "extra")
    assert names(done.stdout) == ["extra", "extra-data"], done.stderr
    # The archive has moved on; the base that is locked has not.
    archive.add("libc6", version="9.0-1")
    archive.publish()
    system = runs.folder / "system.list"
    system.write_text(runs.system(listed, "extra").stdout)
    assert names(system.read_text()) == ["extra", "extra-data"]
    made = layer(runs, listed, "service.tar", system)
    assert {n for n, (m, _) in made.items() if not m.isdir()} == {
        "usr/share/extra/data", "usr/share/extra-data/data",
        "var/lib/dpkg/status.d/extra", "var/lib/dpkg/status.d/extra-data"}
    archive.add("new", depends="libc6 (>= 8)")
    archive.publish()
    refused(runs.system(listed, "new"), "cannot be installed together",
            status=1)
