"""Sound in blocks of 30 ms: from a device where there is one, else silence.

A guarded import: sounddevice cannot be imported without the PortAudio library.
"""
import numpy

from common.log import logger

try:
    import sounddevice
except (ImportError, OSError):
    sounddevice = None

RATE = 16000
BLOCK = RATE * 30 // 1000


class Microphone:
    def __init__(self):
        self._stream = None
        if sounddevice is None:
            return
        try:
            self._stream = sounddevice.InputStream(
                samplerate=RATE, channels=1, dtype="int16", blocksize=BLOCK)
            self._stream.start()
        except sounddevice.PortAudioError as wrong:
            logger("audio").info("no microphone: %s", wrong)

    @property
    def is_real(self) -> bool:
        return self._stream is not None

    def read(self) -> numpy.ndarray:
        """The next block, int16."""
        if self._stream is None:
            return numpy.zeros(BLOCK, numpy.int16)
        block, _overflowed = self._stream.read(BLOCK)
        return block[:, 0]


def play(samples: numpy.ndarray) -> bool:
    """False where there is nothing to play on."""
    if sounddevice is None:
        return False
    try:
        sounddevice.play(samples, RATE)
    except sounddevice.PortAudioError:
        return False
    return True


def blocks(samples: numpy.ndarray):
    """Whole blocks of a longer recording."""
    for start in range(0, len(samples) - BLOCK + 1, BLOCK):
        yield samples[start:start + BLOCK]


def level(samples: numpy.ndarray) -> float:
    """Loudness, 0 to 1."""
    if len(samples) == 0:
        return 0.0
    scaled = samples.astype(numpy.float32) / 32768
    return float(numpy.sqrt(numpy.mean(scaled * scaled)))


def pitch(samples: numpy.ndarray) -> float:
    """Strongest frequency in Hz, 0 for silence."""
    if level(samples) < 1e-4:
        return 0.0
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return float(numpy.argmax(spectrum) * RATE / len(samples))
