"""Takes sound from the microphone and keeps the last seconds of it.

ENABLE_RTAP=true leaves the microphone to RealTimeAudioPipeline.
"""
import base64
import os
import threading
import time
from collections import deque

from common import audio
from common.agent import Agent


class AudioCapture(Agent):
    def setup(self) -> None:
        self.count = 0
        self.recent = deque(maxlen=self.settings.config.get("blocks", 200))
        self.gated = os.environ.get("ENABLE_RTAP", "false") == "true"
        self.level = 0.0
        self.microphone = None
        if not self.gated:
            threading.Thread(target=self.capture, daemon=True).start()

    def capture(self) -> None:
        self.microphone = audio.Microphone()
        while self.running:
            block = self.microphone.read()
            if not self.microphone.is_real:
                time.sleep(audio.BLOCK / audio.RATE)
            self.level = audio.level(block)
            self.recent.append(block.tobytes())
            self.count += 1

    def do_read(self, since: int) -> dict:
        """The blocks after number `since`, and the number of the last."""
        recent, count = list(self.recent), self.count
        fresh = recent[-(count - since):] if count > since else []
        return {"pcm": base64.b64encode(b"".join(fresh)).decode(),
                "last": count}

    def do_capture_state(self) -> dict:
        real = self.microphone is not None and self.microphone.is_real
        return {"gated": self.gated, "microphone": real,
                "blocks": self.count, "level": self.level}


if __name__ == "__main__":
    AudioCapture().run()
