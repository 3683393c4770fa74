"""Waits for the wake word, with the engine that the startup config names.

The engine is a plugin, loaded by its name: nothing here says which module it
is, so fleet.yaml answers with `allow` and the folder of the plugins.
"""
import base64
import importlib

import numpy

from common import audio
from common.agent import Agent


class WakeWordDetector(Agent):
    def setup(self) -> None:
        engine = self.settings.config.get("engine", "loudness")
        module = importlib.import_module(f"plugins.wake.{engine}")
        self.engine = module.Engine(self.settings.config)
        self.wakes = 0
        self.log.info("waking by %s", engine)

    def do_listen(self, pcm: str) -> dict:
        samples = numpy.frombuffer(base64.b64decode(pcm, validate=True),
                                   numpy.int16)
        heard = any(self.engine.hears(block)
                    for block in audio.blocks(samples))
        self.wakes += heard
        return {"wake": heard, "wakes": self.wakes}


if __name__ == "__main__":
    WakeWordDetector().run()
