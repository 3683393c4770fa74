"""RealTimeAudioPipeline: microphone, speech detection, features, words.

Two rows of the fleet run this file: RealTimeAudioPipeline on the main machine
and RealTimeAudioPipelinePC2 on the other; SLIPWAY_SERVICE tells which it is.
"""
import base64
import os
import queue
import threading
import time

import numpy
import torch
import torchaudio
import webrtcvad

from common import audio, device
from common.agent import Agent
from common.client import Peer


class RealTimeAudioPipeline(Agent):
    tick_seconds = 0.3

    def setup(self) -> None:
        self.device = device.choose()
        self.features = torchaudio.transforms.MFCC(
            sample_rate=audio.RATE, n_mfcc=13,
            melkwargs={"n_fft": 480, "hop_length": 240,
                       "n_mels": 32}).to(self.device)
        self.vad = webrtcvad.Vad(self.settings.config.get("aggressiveness", 2))
        self.stt = Peer("STTService", timeout_ms=500)
        self.segments: queue.Queue = queue.Queue(maxsize=20)
        self.blocks = 0
        self.last: dict = {}
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        microphone, segment = audio.Microphone(), []
        while self.running:
            block = microphone.read()
            if not microphone.is_real:
                time.sleep(audio.BLOCK / audio.RATE)
            self.blocks += 1
            if self.vad.is_speech(block.tobytes(), audio.RATE):
                segment.append(block)
            elif segment:
                whole, segment = numpy.concatenate(segment), []
                if not self.segments.full():
                    self.segments.put(whole)

    @torch.inference_mode()
    def describe(self, samples: numpy.ndarray) -> list[float]:
        wave = torch.from_numpy(samples.copy()).to(self.device) / 32768
        return self.features(wave).mean(dim=-1).tolist()

    def tick(self) -> None:
        while not self.segments.empty():
            samples = self.segments.get()
            reply = self.stt.ask_or({"text": None}, "transcribe",
                                    pcm=base64.b64encode(samples).decode())
            self.last = {"text": reply["text"],
                         "seconds": len(samples) / audio.RATE,
                         "features": self.describe(samples)}

    def do_describe(self, pcm: str) -> dict:
        samples = numpy.frombuffer(base64.b64decode(pcm, validate=True),
                                   numpy.int16)
        return {"features": self.describe(samples),
                "device": str(self.device)}

    def do_last(self) -> dict:
        return {"blocks": self.blocks, "last": self.last}


if __name__ == "__main__":
    RealTimeAudioPipeline(os.environ.get("SLIPWAY_SERVICE", "")).run()
