"""A package index on loopback: the files of a folder by PEP 503 and PEP 691.

Answers HEAD, byte ranges and basic authentication, records what was asked, and
can be told to misbehave: `index.faults.append(fault)`, where fault(request)
does what it likes with the http.server request and returns True, or returns
False where it has nothing against it.
"""

import base64
import hashlib
import html
import http.server
import json
import pathlib
import re
import threading

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
NAME = re.compile(r"^([A-Za-z0-9._-]+?)-[0-9]")


def normalize(name):
    return re.sub(r"[-_.]+", "-", name).lower()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        index = self.server.index
        index.requests.append((self.command, self.path,
                               dict(self.headers.items())))
        if any(fault(self) for fault in list(index.faults)):
            return
        if index.credentials and not self.is_authorized(index.credentials):
            self.answer(401, b"who are you?\n", "text/plain",
                        {"WWW-Authenticate": 'Basic realm="index"'})
            return
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[0] == "simple" and len(parts) <= 2:
            self.answer_page(index, parts[1] if len(parts) == 2 else None)
        elif parts[0] == "files" and len(parts) == 2:
            self.answer_file(index.folder / parts[1])
        else:
            self.answer(404, b"no such page\n", "text/plain")

    def is_authorized(self, credentials):
        wanted = base64.b64encode(":".join(credentials).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def answer(self, status, body, kind, headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_page(self, index, project):
        files = index.files()
        if project is not None:
            files = [f for f in files if f["project"] == project]
            if not files:
                self.answer(404, b"no such project\n", "text/plain")
                return
        if JSON_TYPE in self.headers.get("Accept", "") and index.speaks_json:
            page, kind = self.json_page(project, files), JSON_TYPE
        else:
            page, kind = self.html_page(project, files), "text/html"
        self.answer(200, page.encode(), kind)

    def json_page(self, project, files):
        page = {"meta": {"api-version": "1.0"}}
        if project is None:
            names = sorted({f["project"] for f in files})
            page["projects"] = [{"name": name} for name in names]
        else:
            page["name"] = project
            page["files"] = [
                {"filename": f["name"], "url": f"../../files/{f['name']}",
                 "hashes": {"sha256": f["sha256"]}, "size": f["size"]}
                for f in files]
        return json.dumps(page)

    def html_page(self, project, files):
        if project is None:
            links = [f'<a href="{name}/">{name}</a>'
                     for name in sorted({f["project"] for f in files})]
        else:
            links = [f'<a href="../../files/{html.escape(f["name"])}'
                     f'#sha256={f["sha256"]}">{html.escape(f["name"])}</a>'
                     for f in files]
        return "<!DOCTYPE html><html><body>" + "\n".join(links) + "</body>"

    def answer_file(self, path):
        if not path.is_file():
            self.answer(404, b"no such file\n", "text/plain")
            return
        body = path.read_bytes()
        size = len(body)
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)",
                              self.headers.get("Range", ""))
        headers = {"Accept-Ranges": "bytes"}
        if not wanted or wanted.groups() == ("", ""):
            self.answer(200, body, "application/octet-stream", headers)
            return
        first, last = wanted.groups()
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if start > end:
            headers["Content-Range"] = f"bytes */{size}"
            self.answer(416, b"", "application/octet-stream", headers)
            return
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        self.answer(206, body[start:end + 1], "application/octet-stream",
                    headers)


class SimpleIndex:
    """Serves the .whl and .tar.gz files of folder, as they are when asked."""

    def __init__(self, folder, credentials=None, speaks_json=True):
        self.folder = pathlib.Path(folder)
        self.credentials = credentials
        self.speaks_json = speaks_json
        self.requests = []
        self.faults = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.index = self
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        user = ":".join(self.credentials) + "@" if self.credentials else ""
        return f"http://{user}{self.host}/simple/"

    def environment(self):
        """What makes uv and pip, and so slipway, use this index alone."""
        return {"UV_DEFAULT_INDEX": self.url, "UV_NO_CONFIG": "1",
                "PIP_INDEX_URL": self.url, "PIP_CONFIG_FILE": "/dev/null"}

    def files(self):
        found = []
        for path in sorted(self.folder.iterdir()):
            match = NAME.match(path.name)
            if match and path.name.endswith((".whl", ".tar.gz")):
                body = path.read_bytes()
                found.append({
                    "name": path.name, "size": len(body),
                    "project": normalize(match.group(1)),
                    "sha256": hashlib.sha256(body).hexdigest()})
        return found

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
