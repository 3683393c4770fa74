"""Wakes at a spoken word, by Picovoice's engine; needs an access key."""
import os

import numpy


class Engine:
    def __init__(self, config: dict):
        # A lazy import: only who chose this engine needs it.
        import pvporcupine

        self.porcupine = pvporcupine.create(
            access_key=os.environ["PORCUPINE_ACCESS_KEY"],
            keywords=config.get("keywords", ["computer"]))
        self.rest = numpy.zeros(0, numpy.int16)

    def hears(self, block) -> bool:
        self.rest = numpy.concatenate([self.rest, block])
        length, heard = self.porcupine.frame_length, False
        while len(self.rest) >= length:
            frame, self.rest = self.rest[:length], self.rest[length:]
            heard |= self.porcupine.process(frame) >= 0
        return heard
