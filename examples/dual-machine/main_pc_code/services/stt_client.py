"""The client side of STTService."""
import base64

from common.client import Peer


class SpeechToText:
    def __init__(self, language: str = "en"):
        self.language = language
        self.peer = Peer("STTService", timeout_ms=3000)

    def transcribe(self, pcm: bytes) -> dict:
        """text is None where STTService is not up."""
        reply = self.peer.ask_or(
            {"text": None, "seconds": 0.0}, "transcribe",
            pcm=base64.b64encode(pcm).decode(), language=self.language)
        return {"text": reply["text"], "seconds": reply["seconds"]}
