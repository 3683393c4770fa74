"""Asks another service over ZMQ.

A service that is not up is nothing special: the socket is thrown away, since a
REQ without its answer is stuck, and the next question makes a new one.
"""
import orjson
import zmq

from common import config, messages
from common.metrics import PEER_FAILURES


class PeerAbsent(Exception):
    """Nobody answered in time."""


class Peer:
    def __init__(self, name: str, timeout_ms: int = 1500):
        self.name = name
        self.timeout_ms = timeout_ms
        self._socket = None

    def _connect(self) -> zmq.Socket:
        where = config.service(self.name)
        socket = zmq.Context.instance().socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(f"tcp://{where.host}:{where.port}")
        return socket

    def ask(self, action: str, **fields) -> dict:
        """The answer, or PeerAbsent; ValueError where the peer refuses."""
        self._socket = self._socket or self._connect()
        self._socket.send(messages.encode({"action": action, **fields}))
        if not self._socket.poll(self.timeout_ms):
            self._socket.close()
            self._socket = None
            PEER_FAILURES.labels(self.name).inc()
            raise PeerAbsent(f"{self.name} does not answer")
        reply = orjson.loads(self._socket.recv())
        if reply.get("status") != "ok":
            raise ValueError(f"{self.name}: {reply.get('why')}")
        return reply

    def ask_or(self, default: dict, action: str, **fields) -> dict:
        """The answer, or the default where nobody answers."""
        try:
            return self.ask(action, **fields)
        except PeerAbsent:
            return default
