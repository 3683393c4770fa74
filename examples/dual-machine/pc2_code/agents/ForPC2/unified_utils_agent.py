"""Small helpers for others: identifiers, digests, limits of rates."""
import hashlib
import sys
import uuid
from pathlib import Path

# A sys.path edit that matters: rate_limit lies in pc2_code/utils. Its value
# follows from __file__, so check sees the folder and asks nothing.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "utils"))

from rate_limit import RateLimit

from common.agent import Agent


class UnifiedUtilsAgent(Agent):
    def setup(self) -> None:
        self.limits: dict[str, RateLimit] = {}

    def do_identifier(self) -> dict:
        return {"id": str(uuid.uuid4())}

    def do_digest(self, text: str, kind: str = "sha256") -> dict:
        if kind not in hashlib.algorithms_guaranteed or "shake" in kind:
            raise ValueError("an algorithm of hashlib")
        return {"digest": hashlib.new(kind, text.encode()).hexdigest()}

    def do_may(self, who: str, per_minute: int = 60) -> dict:
        limit = self.limits.setdefault(who, RateLimit(per_minute))
        return {"allowed": limit.take()}


if __name__ == "__main__":
    UnifiedUtilsAgent().run()
