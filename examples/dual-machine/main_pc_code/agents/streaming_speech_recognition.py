"""Collects blocks of sound until a pause, then asks STTService for words."""
import base64

import numpy

from common import audio
from common.agent import Agent
# main_pc_code and its folders have no __init__.py: a namespace package.
from main_pc_code.services.stt_client import SpeechToText


class StreamingSpeechRecognition(Agent):
    def setup(self) -> None:
        settings = self.settings.config
        self.pause_blocks = settings.get("pause_ms", 600) // 30
        self.threshold = settings.get("threshold", 0.01)
        self.stt = SpeechToText(settings.get("language", "en"))
        self.waiting: list[numpy.ndarray] = []
        self.quiet = 0

    def do_block(self, pcm: str) -> dict:
        samples = numpy.frombuffer(base64.b64decode(pcm, validate=True),
                                   numpy.int16)
        if audio.level(samples) >= self.threshold:
            self.waiting.append(samples)
            self.quiet = 0
            return {"state": "listening"}
        self.quiet += 1
        if not self.waiting or self.quiet < self.pause_blocks:
            return {"state": "waiting"}
        whole, self.waiting = numpy.concatenate(self.waiting), []
        return {"state": "done", **self.stt.transcribe(whole.tobytes())}


if __name__ == "__main__":
    StreamingSpeechRecognition().run()
