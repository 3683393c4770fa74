"""Speaks sentence by sentence, so that it can be interrupted in between."""
import re
from collections import deque

from common.agent import Agent
from common.client import Peer

SENTENCE = re.compile(r"[^.!?]+[.!?]*")


class StreamingTTSAgent(Agent):
    tick_seconds = 0.2

    def setup(self) -> None:
        self.tts = Peer("TTSService", timeout_ms=1000)
        self.queue = deque(maxlen=self.settings.config.get("queue", 100))
        self.spoken = 0

    def do_speak(self, text: str) -> dict:
        sentences = [s.strip() for s in SENTENCE.findall(text) if s.strip()]
        self.queue.extend(sentences)
        return {"queued": True, "sentences": len(sentences)}

    def do_stop(self) -> dict:
        dropped = len(self.queue)
        self.queue.clear()
        return {"dropped": dropped}

    def tick(self) -> None:
        if self.queue and self.tts.ask_or({}, "say", text=self.queue[0]):
            self.queue.popleft()
            self.spoken += 1

    def do_progress(self) -> dict:
        return {"waiting": len(self.queue), "spoken": self.spoken}


if __name__ == "__main__":
    StreamingTTSAgent().run()
