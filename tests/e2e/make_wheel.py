"""Wheels and zips made byte by byte, so that a test can make any defect."""

import base64
import hashlib
import struct
import zlib

FILE, FOLDER, LINK = 0o100644, 0o40755, 0o120777


class Member:
    """One member. local and central replace fields of that header: name,
    crc, compressed, size, method, flags, extra. descriptor is a combination
    of "signed" and "wide", or "" for the plain form; described replaces
    fields of it: crc, compressed, size."""

    def __init__(self, name, data=b"", *, method=8, mode=FILE, flags=0,
                 local=None, central=None, descriptor=None,
                 described=None, zip64=False, stream=None, junk=b"",
                 disk=0):
        self.name = name if isinstance(name, bytes) else name.encode()
        self.data = data
        self.crc = zlib.crc32(data)
        self.method, self.mode, self.disk = method, mode, disk
        self.flags = flags | (8 if descriptor is not None else 0)
        self.local_fields, self.central_fields = local or {}, central or {}
        self.descriptor, self.described = descriptor, described or {}
        self.zip64 = zip64
        self.junk = junk  # behind the member
        self.stream = stream if stream is not None else self.compress()

    def compress(self):
        if self.method != 8:
            return self.data
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        return deflate.compress(self.data) + deflate.flush()

    def fields(self, changed, later):
        fields = {
            "name": self.name, "crc": self.crc, "method": self.method,
            "compressed": len(self.stream), "size": len(self.data),
            "flags": self.flags, "extra": b"",
        }
        if later:
            fields.update(crc=0, compressed=0, size=0)
        if self.zip64:
            fields["extra"] = struct.pack(
                "<HHQQ", 1, 16, fields["size"], fields["compressed"])
            fields.update(compressed=0xffffffff, size=0xffffffff)
        fields.update(changed)
        return fields

    def local(self):
        f = self.fields(self.local_fields, self.descriptor is not None)
        head = struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, f["flags"], f["method"], 0, 33,
            f["crc"], f["compressed"], f["size"], len(f["name"]),
            len(f["extra"]))
        tail = b""
        if self.descriptor is not None:
            if "signed" in self.descriptor:
                tail += b"PK\7\10"
            form = "<LQQ" if "wide" in self.descriptor else "<3L"
            fields = {"crc": self.crc, "compressed": len(self.stream),
                      "size": len(self.data), **self.described}
            tail += struct.pack(form, *fields.values())
        return (head + f["name"] + f["extra"] + self.stream + tail +
                self.junk)

    def central(self, offset):
        f = self.fields(self.central_fields, False)
        head = struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 0x314, 20, f["flags"], f["method"], 0,
            33, f["crc"], f["compressed"], f["size"], len(f["name"]),
            len(f["extra"]), 0, self.disk, 0, self.mode << 16,
            f.get("offset", offset))
        return head + f["name"] + f["extra"]


def make_zip(members, *, end=None, zip64=None, locator=None, between=b"",
             comment=b"", tail=b""):
    """end, zip64 and locator replace fields of the end records: count,
    count2, size, offset, disk. zip64 other than None writes that record."""
    out, offsets = b"", []
    for member in members:
        offsets.append(len(out))
        out += member.local()
    start = len(out)
    directory = b"".join(
        m.central(o) for m, o in zip(members, offsets))
    out += directory + between
    f = {"count": len(members), "count2": len(members),
         "size": len(directory), "offset": start, "disk": 0}
    if zip64 is not None:
        at = len(out)
        g = {**f, "length": 44, **zip64}
        out += struct.pack("<4sQ2H2L4Q", b"PK\6\6", g["length"], 45, 45,
                           g["disk"], 0, g["count"], g["count2"], g["size"],
                           g["offset"])
        h = {"offset": at, "disks": 1, **(locator or {})}
        out += struct.pack("<4sLQL", b"PK\6\7", 0, h["offset"], h["disks"])
        f.update(count=0xffff, count2=0xffff, size=0xffffffff,
                 offset=0xffffffff)
    f.update(end or {})
    return out + struct.pack(
        "<4s4H2LH", b"PK\5\6", f["disk"], 0, f["count"], f["count2"],
        f["size"], f["offset"], len(comment)) + comment + tail


def row(name, data, algorithm="sha256"):
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest())
    if "," in name or '"' in name:
        name = '"' + name.replace('"', '""') + '"'
    return f"{name},{algorithm}={digest.decode().rstrip('=')},{len(data)}"


METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\nText\n"
WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"


def make_members(files=None, *, info="demo-1.0.dist-info", metadata=METADATA,
                 wheel=WHEEL, entry_points=None, record=None, rows=(),
                 unlisted=(), algorithm="sha256", extra=(), **options):
    """The members of a sound wheel, or of one with the defect asked for.
    files maps names to bytes; extra are Members put before RECORD; options
    go to every Member."""
    files = dict(files or {"demo/__init__.py": b"x = 1\n"})
    if metadata is not None:
        files[f"{info}/METADATA"] = metadata
    if wheel is not None:
        files[f"{info}/WHEEL"] = wheel
    if entry_points is not None:
        files[f"{info}/entry_points.txt"] = entry_points
    members = [Member(name, data, **options) for name, data in files.items()]
    members += extra
    if record is None:
        lines = [row(m.name.decode(), m.data, algorithm) for m in members
                 if not m.name.endswith(b"/")
                 and m.name.decode() not in unlisted]
        record = "\n".join([*lines, *rows, f"{info}/RECORD,,", ""]).encode()
    if record is not False:
        members.append(Member(f"{info}/RECORD", record))
    return members
