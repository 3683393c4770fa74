"""The tone of a voice: loud or soft, high or low, fast or slow."""
import base64

import numpy

from common import audio
from common.agent import Agent


class ToneDetector(Agent):
    def do_detect(self, pcm: str) -> dict:
        samples = numpy.frombuffer(base64.b64decode(pcm, validate=True),
                                   numpy.int16)
        levels = numpy.array([audio.level(b) for b in audio.blocks(samples)])
        voiced = levels > self.settings.config.get("voiced", 0.01)
        if not voiced.any():
            return {"tone": "silent", "pitch_hz": 0.0, "level": 0.0}
        pitches = [audio.pitch(block) for block, speaks
                   in zip(audio.blocks(samples), voiced) if speaks]
        middle = float(numpy.median(pitches))
        loud = float(levels[voiced].mean())
        # Starts of voiced parts per second: about the syllables.
        starts = numpy.count_nonzero(numpy.diff(voiced.astype(int)) == 1)
        pace = starts / max(0.03, len(samples) / audio.RATE)
        tone = "excited" if loud > 0.2 and middle > 220 else (
            "tense" if loud > 0.2 else "soft" if loud < 0.05 else "neutral")
        return {"tone": tone, "pitch_hz": middle, "level": loud, "pace": pace}


if __name__ == "__main__":
    ToneDetector().run()
