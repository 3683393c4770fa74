"""Says something by itself when its time has come."""
import heapq
import time

from common.agent import Agent
from common.client import Peer


class ProactiveAgent(Agent):
    tick_seconds = 1.0

    def setup(self) -> None:
        self.responder = Peer("Responder", timeout_ms=500)
        self.reminders: list[tuple[float, str]] = []
        self.delivered = 0

    def do_remind(self, text: str, in_seconds: float) -> dict:
        heapq.heappush(self.reminders, (time.time() + in_seconds, text))
        return {"waiting": len(self.reminders)}

    def tick(self) -> None:
        while self.reminders and self.reminders[0][0] <= time.time():
            _, text = self.reminders[0]
            if not self.responder.ask_or({}, "respond", text=text):
                return  # nobody to say it yet: it stays first
            heapq.heappop(self.reminders)
            self.delivered += 1

    def do_agenda(self) -> dict:
        return {"agenda": sorted(self.reminders),
                "delivered": self.delivered}


if __name__ == "__main__":
    ProactiveAgent().run()
