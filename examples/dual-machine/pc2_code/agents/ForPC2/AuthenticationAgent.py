"""Passwords by scrypt, tokens by HMAC; nothing of either is kept in clear."""
import base64
import hashlib
import hmac
import secrets
import sys
import time
from pathlib import Path

# A sys.path edit that adds nothing: the root is searched already.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.agent import Agent
from common.store import Store


KEY = Path("/run/secrets/token_key")


def scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


class AuthenticationAgent(Agent):
    def setup(self) -> None:
        self.users = Store("users")
        # Without a key of its own, tokens end with this process.
        self.key = KEY.read_bytes() if KEY.exists() else \
            secrets.token_bytes(32)
        self.life_s = self.settings.config.get("token_seconds", 3600)

    def do_add(self, user: str, password: str) -> dict:
        if len(password) < 8 or ":" in user:
            raise ValueError("8 letters at least, and no ':' in a name")
        salt = secrets.token_bytes(16)
        self.users.put(user, [salt.hex(), scrypt(password, salt).hex()])
        return {"user": user}

    def sign(self, text: str) -> str:
        mac = hmac.new(self.key, text.encode(), "sha256").digest()
        return base64.urlsafe_b64encode(mac).decode()

    def do_login(self, user: str, password: str) -> dict:
        salt, known = self.users.get(user, ["00" * 16, "00"])
        fits = hmac.compare_digest(
            scrypt(password, bytes.fromhex(salt)).hex(), known)
        if not fits:
            raise ValueError("the name or the password is wrong")
        text = f"{user}:{int(time.time()) + self.life_s}"
        return {"token": f"{text}:{self.sign(text)}"}

    def do_verify(self, token: str) -> dict:
        text, _, signature = token.rpartition(":")
        if not hmac.compare_digest(self.sign(text), signature):
            return {"valid": False, "user": None}
        user, _, end = text.rpartition(":")
        return {"valid": int(end) > time.time(), "user": user}


if __name__ == "__main__":
    AuthenticationAgent().run()
