"""Cleans sound and says where in it somebody speaks."""
import base64

import numpy
import webrtcvad

from common import audio
from common.agent import Agent


class FusedAudioPreprocessor(Agent):
    def setup(self) -> None:
        self.vad = webrtcvad.Vad(self.settings.config.get("aggressiveness", 2))
        self.noise = 0.001

    def clean(self, samples: numpy.ndarray) -> numpy.ndarray:
        """Without the constant part, quiet parts gated, peak at 90 %."""
        wave = samples.astype(numpy.float32)
        wave -= wave.mean() if len(wave) else 0
        wave[numpy.abs(wave) < self.noise * 32768] = 0
        peak = numpy.abs(wave).max(initial=0)
        if peak > 0:
            wave *= 0.9 * 32767 / peak
        return wave.astype(numpy.int16)

    def do_process(self, pcm: str) -> dict:
        """pcm: 16 kHz mono int16, base64."""
        samples = self.clean(numpy.frombuffer(
            base64.b64decode(pcm, validate=True), numpy.int16))
        speech = [self.vad.is_speech(block.tobytes(), audio.RATE)
                  for block in audio.blocks(samples)]
        return {"pcm": base64.b64encode(samples.tobytes()).decode(),
                "speech": speech, "level": audio.level(samples)}

    def do_calibrate(self, pcm: str) -> dict:
        self.noise = 2 * audio.level(numpy.frombuffer(
            base64.b64decode(pcm, validate=True), numpy.int16))
        return {"noise": self.noise}


if __name__ == "__main__":
    FusedAudioPreprocessor().run()
