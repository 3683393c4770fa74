"""Makes small wheels for tests: make_wheel(folder, "name", "1.0", {...})."""

import base64
import hashlib
import pathlib
import zipfile


def record_line(path, body):
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest())
    return f"{path},sha256={digest.rstrip(b'=').decode()},{len(body)}\n"


def make_wheel(folder, name, version="1.0", files=None, requires=(),
               tag="py3-none-any", extra=""):
    """Path of a sound wheel with these files ({path: text or bytes}).

    requires are Requires-Dist lines, extra is appended to METADATA. The same
    arguments always give the same bytes.
    """
    escaped = name.replace("-", "_")
    info = f"{escaped}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires)
    members = {path: content.encode() if isinstance(content, str) else content
               for path, content in (files or {}).items()}
    members[f"{info}/METADATA"] = (metadata + extra).encode()
    members[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tests\n"
        f"Root-Is-Purelib: {str(tag.endswith('-any')).lower()}\n"
        f"Tag: {tag}\n").encode()
    record = "".join(record_line(*item) for item in members.items())
    members[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    path = pathlib.Path(folder) / f"{escaped}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name_, body in members.items():
            entry = zipfile.ZipInfo(name_, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, body)
    return path
