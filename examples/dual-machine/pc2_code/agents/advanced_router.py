"""Which service does a sentence belong to? By words, and by who is up."""
from common.agent import Agent
from common.client import Peer
from common.text import words

ROUTES = {"TutoringServiceAgent": {"learn", "teach", "explain", "lesson"},
          "FileSystemAssistantAgent": {"file", "folder", "save", "read"},
          "DreamWorldAgent": {"dream", "imagine", "world"},
          "AuthenticationAgent": {"login", "password", "user"},
          "TieredResponder": {"hello", "time", "thanks"}}


class AdvancedRouter(Agent):
    def setup(self) -> None:
        self.peers = {name: Peer(name, timeout_ms=150) for name in ROUTES}
        self.up: dict[str, bool] = dict.fromkeys(ROUTES, False)

    def tick(self) -> None:
        for name, peer in self.peers.items():
            self.up[name] = bool(peer.ask_or({}, "ping"))

    def do_route(self, text: str) -> dict:
        found = set(words(text))
        ranked = sorted(ROUTES, reverse=True, key=lambda name: (
            len(ROUTES[name] & found), self.up[name]))
        best = ranked[0]
        return {"service": best if ROUTES[best] & found
                else "TieredResponder", "up": self.up[best]}

    def do_routes(self) -> dict:
        return {"up": self.up}


if __name__ == "__main__":
    AdvancedRouter().run()
