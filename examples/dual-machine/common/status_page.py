"""/health and /metrics over HTTP, beside a service that speaks ZMQ."""
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

from common import metrics


def serve(port: int, health: Callable[[], dict]) -> ThreadingHTTPServer:
    """health() says {"ok": bool, ...}; status 503 where it is not."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health":
                state = health()
                self._send(200 if state["ok"] else 503, "application/json",
                           orjson.dumps(state))
            elif self.path == "/metrics":
                self._send(200, "text/plain", metrics.text().encode())
            else:
                self._send(404, "text/plain", b"/health and /metrics\n")

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            """A probe every few seconds is no news."""

    server = ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
