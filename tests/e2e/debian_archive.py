"""A Debian archive of a few tiny packages, made for the tests: packages, the
lists of them, and a signed InRelease for each suite."""

import hashlib
import io
import lzma
import pathlib
import subprocess
import tarfile
import time

ROOTS = {
    "base-files": {}, "ca-certificates": {}, "dash": {}, "libc6": {},
    "libc-bin": {"depends": "libc6 (>= 0.5)"}, "libstdc++6": {},
    "media-types": {}, "netbase": {"depends": "debconf (>= 1)"},
    "debconf": {"depends": "perl"}, "perl": {"depends": "perl-data"},
    "perl-data": {}, "tzdata": {},
    "python3": {"depends": "python3.11-minimal, dpkg"},
    "python3.11-minimal": {"version": "3.11.2-6", "depends": "libc6"},
    "dpkg": {"depends": "tar"}, "tar": {},
}


def add(tar, name, data=None, kind=tarfile.REGTYPE, mode=0o644, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname = kind, mode, target
    info.size = len(data) if data else 0
    tar.addfile(info, io.BytesIO(data or b""))


def tar_of(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in entries:
            add(tar, **entry)
    return lzma.compress(out.getvalue())


def ar_of(members):
    out = b"!<arch>\n"
    for name, data in members:
        out += b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (
            name.encode(), 0, 0, 0, 0o100644, len(data))
        out += data + b"\n" * (len(data) & 1)
    return out


class Key:
    """A signing key of its own, in a folder of its own."""

    def __init__(self, folder):
        self.home = pathlib.Path(folder)
        self.home.mkdir(mode=0o700)
        self.keyring = self.home / "keyring.gpg"
        self.armored = self.home / "keyring.asc"
        self.gpg("--quick-generate-key", "Test Archive <test@example.org>",
                 "ed25519", "sign", "never")
        self.keyring.write_bytes(self.gpg("--export"))
        self.armored.write_bytes(self.gpg("--armor", "--export"))

    def gpg(self, *arguments, data=None):
        done = subprocess.run(
            ["gpg", "--batch", "--homedir", self.home, "--passphrase", "",
             "--pinentry-mode", "loopback", *arguments],
            input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def sign(self, text):
        return self.gpg("--clearsign", "--digest-algo", "SHA256",
                        data=text.encode())


class Archive:
    """`packages` is suite to list of control fields with their files."""

    def __init__(self, root, key):
        self.root, self.key = pathlib.Path(root), key
        self.packages = {"bookworm": [], "bookworm-updates": [],
                         "bookworm-security": []}
        for name, more in ROOTS.items():
            self.add(name, **more)

    @property
    def url(self):
        return f"file://{self.root}"

    def add(self, name, version="1.0-1", depends="", files=None,
            suite="bookworm", fields="", architecture="amd64"):
        """files: list of tarfile entries as for add()."""
        control = (f"Package: {name}\nVersion: {version}\n"
                   f"Architecture: {architecture}\n"
                   f"Maintainer: T <t@example.org>\n{fields}")
        if depends:
            control += f"Depends: {depends}\n"
        if files is None:
            files = [{"name": f"./usr/share/{name}/data",
                      "data": name.encode()}]
        deb = ar_of([("debian-binary", b"2.0\n"),
                     ("control.tar.xz", tar_of([
                         {"name": "./control",
                          "data": (control + "Description: x\n").encode()}])),
                     ("data.tar.xz", tar_of(files))])
        path = f"pool/main/{name}_{version.replace(':', '.')}_amd64.deb"
        self.root.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        self.root.joinpath(path).write_bytes(deb)
        self.packages[suite] = [p for p in self.packages[suite]
                                if not p.startswith(f"Package: {name}\n")]
        self.packages[suite].append(
            control + f"Filename: {path}\nSize: {len(deb)}\n"
            f"SHA256: {hashlib.sha256(deb).hexdigest()}\nDescription: x\n")
        return self.root / path

    def release(self, suite, date=None, valid_until=None, codename=None):
        listed = lzma.compress("\n".join(self.packages[suite]).encode())
        folder = self.root / "dists" / suite
        path = folder / "main/binary-amd64/Packages.xz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(listed)
        text = (f"Origin: Test\nSuite: oldstable\n"
                f"Codename: {codename or suite}\nDate: {stamp(date)}\n")
        if valid_until is not None:
            text += f"Valid-Until: {stamp(valid_until)}\n"
        text += ("SHA256:\n "
                 f"{hashlib.sha256(listed).hexdigest()} {len(listed)} "
                 "main/binary-amd64/Packages.xz\n")
        (folder / "InRelease").write_bytes(self.key.sign(text))
        return folder / "InRelease"

    def publish(self):
        self.release("bookworm")
        self.release("bookworm-updates")
        self.release("bookworm-security", valid_until=time.time() + 86400)


def stamp(seconds=None):
    return time.strftime("%a, %d %b %Y %H:%M:%S UTC",
                         time.gmtime(time.time() if seconds is None
                                     else seconds))
