"""AffectiveProcessingCenter: the emotion in a voice and its words, together."""
import base64

import numpy
import torch
import torchaudio

from common import audio, device
from common.agent import Agent
from common.text import mood


class AffectiveProcessingCenter(Agent):
    def setup(self) -> None:
        self.device = device.choose()
        self.spectrum = torchaudio.transforms.MelSpectrogram(
            sample_rate=audio.RATE, n_fft=512, n_mels=40).to(self.device)
        self.word_weight = self.settings.config.get("word_weight", 0.5)

    @torch.inference_mode()
    def arousal(self, pcm: str) -> float:
        """How lively a voice is, 0 to 1: change of the spectrum in time."""
        samples = numpy.frombuffer(base64.b64decode(pcm, validate=True),
                                   numpy.int16)
        if len(samples) < 2 * 512:
            return 0.0
        wave = torch.from_numpy(samples.copy()).to(self.device) / 32768
        log = torch.log1p(self.spectrum(wave))
        return float(torch.tanh(log.diff(dim=-1).abs().mean() * 4))

    def do_process(self, text: str = "", pcm: str = "") -> dict:
        arousal = self.arousal(pcm) if pcm else 0.0
        valence = self.word_weight * mood(text)
        if arousal > 0.5:
            emotion = "excited" if valence >= 0 else "angry"
        else:
            emotion = "sad" if valence < -0.1 else "calm"
        return {"emotion": emotion, "arousal": arousal, "valence": valence,
                "device": str(self.device)}


if __name__ == "__main__":
    AffectiveProcessingCenter().run()
