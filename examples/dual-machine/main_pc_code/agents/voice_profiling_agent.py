"""Who speaks? Compares the spectrum of a voice with those it has learned."""
import base64

import numpy

from common import audio
from common.agent import Agent
from common.store import Store

BANDS = 24


def profile(samples: numpy.ndarray) -> numpy.ndarray:
    """Energy in bands that widen with the frequency, of length 1."""
    spectrum = numpy.abs(numpy.fft.rfft(samples.astype(numpy.float32)))
    edges = numpy.geomspace(4, max(5, len(spectrum)), BANDS + 1).astype(int)
    bands = numpy.array([spectrum[a:max(b, a + 1)].mean()
                         if a < len(spectrum) else 0.0
                         for a, b in zip(edges, edges[1:])])
    bands = numpy.log1p(bands)
    return bands / (numpy.linalg.norm(bands) or 1.0)


class VoiceProfilingAgent(Agent):
    def setup(self) -> None:
        self.store = Store("voices")

    def samples(self, pcm: str) -> numpy.ndarray:
        samples = numpy.frombuffer(base64.b64decode(pcm, validate=True),
                                   numpy.int16)
        if len(samples) < audio.RATE // 2:
            raise ValueError("half a second of sound is needed")
        return samples

    def do_enroll(self, user: str, pcm: str) -> dict:
        self.store.put(user, profile(self.samples(pcm)).tolist())
        return {"known": self.store.keys()}

    def do_identify(self, pcm: str) -> dict:
        now = profile(self.samples(pcm))
        scores = {user: float(now @ numpy.array(self.store.get(user)))
                  for user in self.store.keys()}
        best = max(scores, key=scores.get, default=None)
        sure = best and scores[best] > self.settings.config.get("sure", 0.95)
        return {"user": best if sure else None, "scores": scores}


if __name__ == "__main__":
    VoiceProfilingAgent().run()
