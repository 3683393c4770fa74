"""A token server for docker-registry: who knows the password, or has the
identity token, gets a signed token for what is asked."""

import base64
import json
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IDENTITY = "the-identity-token"


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """Gives tokens at url to user:secret; requests has what came."""

    def __init__(self, folder):
        self.key, self.certificate = folder / "key.pem", folder / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-subj", "/CN=tests", "-days", "2", "-keyout", self.key, "-out",
             self.certificate], check=True, capture_output=True)
        self.requests = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.urlsplit(self.path).query
                login = self.headers.get("Authorization", "")
                self.answer(query, login == "Basic " + base64.b64encode(
                    b"user:secret").decode())

            def do_POST(self):
                size = int(self.headers["Content-Length"])
                form = self.rfile.read(size).decode()
                fields = dict(urllib.parse.parse_qsl(form))
                self.answer(form, fields.get("refresh_token") == IDENTITY and (
                    fields.get("grant_type") == "refresh_token"))

            def answer(self, form, known):
                fields = dict(urllib.parse.parse_qsl(form))
                owner.requests.append((self.command, fields, known))
                body = json.dumps({"detail": "who are you?"}).encode()
                if known:
                    name = "token" if self.command == "GET" else "access_token"
                    body = json.dumps({name: owner.token(fields),
                                       "expires_in": 300}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def auth(self):
        """The section of docker-registry's configuration."""
        return {"token": {"realm": self.url, "service": "tests",
                          "issuer": "tests",
                          "rootcertbundle": str(self.certificate)}}

    def token(self, fields):
        chain = subprocess.run(
            ["openssl", "x509", "-in", self.certificate, "-outform", "DER"],
            check=True, capture_output=True).stdout
        access = []
        for scope in fields.get("scope", "").split():
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name,
                           "actions": actions.split(",")})
        now = int(time.time())
        parts = [
            {"typ": "JWT", "alg": "RS256",
             "x5c": [base64.b64encode(chain).decode()]},
            {"iss": "tests", "sub": "user", "aud": fields.get("service"),
             "exp": now + 300, "nbf": now - 60, "iat": now, "jti": str(now),
             "access": access}]
        text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self.key],
            input=text.encode(), check=True, capture_output=True).stdout
        return text + "." + encoded(signature)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
