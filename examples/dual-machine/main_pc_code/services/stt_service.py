"""Speech to text: finds the spoken parts, the model says what they are.

The network here is small and untrained: it tells how much is said, not what.
A real model is fetched by ModelOpsCoordinator and comes as a mount.
"""
import base64

import numpy
import torch

from common import audio, device
from common.agent import Agent
from common.client import Peer


class Frames(torch.nn.Module):
    """A spectrum of each block, as 32 features."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(audio.BLOCK))
        self.bands = torch.nn.AdaptiveAvgPool1d(32)

    def forward(self, blocks: torch.Tensor) -> torch.Tensor:
        power = torch.fft.rfft(blocks * self.window).abs().square()
        return torch.log1p(self.bands(power))


class STTService(Agent):
    def setup(self) -> None:
        self.device = device.choose()
        self.frames = Frames().to(self.device).eval()
        self.models = Peer("ModelOpsCoordinator", timeout_ms=1000)

    @torch.inference_mode()
    def do_transcribe(self, pcm: str, language: str = "en") -> dict:
        samples = numpy.frombuffer(base64.b64decode(pcm, validate=True),
                                   numpy.int16)
        blocks = list(audio.blocks(samples))
        if not blocks:
            return {"text": "", "seconds": 0.0, "device": str(self.device)}
        wave = torch.from_numpy(numpy.stack(blocks)).to(self.device)
        features = self.frames(wave.float() / 32768)
        energy = features.mean(dim=1)
        spoken = int((energy > energy.median() * 1.1 + 1e-6).sum())
        reply = self.models.ask_or({"text": f"[{spoken} blocks of speech]"},
                                   "transcribe", language=language,
                                   features=features.mean(dim=0).tolist())
        return {"text": reply["text"], "device": str(self.device),
                "seconds": len(samples) / audio.RATE}


if __name__ == "__main__":
    STTService().run()
