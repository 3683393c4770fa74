"""A static package index on loopback, so that the network is not timed.

Its wheels are those of a lock, as slipway has fetched them through the index
that this host is set up with. nginx serves them.
"""

import collections
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

CONFIG = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ }}
http {{
  access_log off;
  sendfile on;
  types {{ text/html html; }}
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}; root {folder}; index index.html; }}
}}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def locked_wheels(lock):
    """{file name: (distribution, version, sha256)} of a lock."""
    return {package["wheel"]["file"]:
            (package["name"], package["version"], package["wheel"]["sha256"])
            for resolution in lock["resolutions"]
            for package in resolution["packages"]}


def link_wheels(wheels, store, files):
    """Gives the downloads of a store the names that an index has for them."""
    files.mkdir(parents=True, exist_ok=True)
    for name, (_, _, sha256) in wheels.items():
        if not (files / name).exists():
            os.link(store / "files" / "sha256" / sha256, files / name)


class Index:
    """Runs until it is stopped; url is that of its simple pages."""

    def __init__(self, folder, wheels, files):
        port = free_port()
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}/simple"
        pages = collections.defaultdict(list)
        for name, (distribution, _, sha256) in sorted(wheels.items()):
            pages[re.sub(r"[-_.]+", "-", distribution).lower()].append(
                f'<a href="/files/{name}#sha256={sha256}">{name}</a><br>')
        for distribution, links in pages.items():
            page = folder / "simple" / distribution / "index.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text("<!DOCTYPE html><body>" + "\n".join(links))
        (folder / "files").symlink_to(files)
        config = folder / "nginx.conf"
        # Where nginx runs as root its workers would be somebody else.
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(CONFIG.format(folder=folder, port=port, user=user))
        self.process = subprocess.Popen(["nginx", "-c", config, "-p", folder])
        for _ in range(50):
            try:
                urllib.request.urlopen(f"{self.url}/torch/", timeout=5).close()
                if self.process.poll() is None:
                    return
            except urllib.error.URLError:
                time.sleep(0.1)
        self.stop()
        raise RuntimeError("nginx does not answer")

    def stop(self):
        self.process.terminate()
        self.process.wait()
