"""Text to speech: a tone for each syllable, played where there is a device."""
import base64
import re

import numpy

from common import audio
from common.agent import Agent

SYLLABLE = re.compile(r"[^aeiouy\s]*[aeiouy]+", re.IGNORECASE)


class TTSService(Agent):
    def setup(self) -> None:
        self.pace_s = self.settings.config.get("syllable_seconds", 0.12)
        self.base_hz = self.settings.config.get("base_hz", 160)

    def synthesize(self, text: str) -> numpy.ndarray:
        times = numpy.arange(int(self.pace_s * audio.RATE)) / audio.RATE
        shape = numpy.sin(numpy.pi * times / self.pace_s)
        tones = [numpy.zeros(0)]
        for syllable in SYLLABLE.findall(text):
            hz = self.base_hz * (1 + (ord(syllable[-1].lower()) - 97) / 40)
            tones.append(shape * numpy.sin(2 * numpy.pi * hz * times))
        return (numpy.concatenate(tones) * 12000).astype(numpy.int16)

    def do_say(self, text: str, send_back: bool = False) -> dict:
        samples = self.synthesize(text)
        reply = {"seconds": len(samples) / audio.RATE,
                 "played": audio.play(samples)}
        if send_back:
            reply["pcm"] = base64.b64encode(samples.tobytes()).decode()
        return reply


if __name__ == "__main__":
    TTSService().run()
