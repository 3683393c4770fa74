"""Tells CentralErrorBus of an error, and never waits for it."""
import zmq

from common import config, messages


class ErrorReporter:
    def __init__(self, source: str):
        bus = config.service("CentralErrorBus")
        self.source = source
        self._socket = zmq.Context.instance().socket(zmq.PUSH)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, 100)
        self._socket.connect(f"tcp://{bus.host}:{bus.port}")

    def report(self, severity: str, text: str) -> bool:
        try:
            self._socket.send(messages.encode(
                {"source": self.source, "severity": severity, "text": text}),
                zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True
