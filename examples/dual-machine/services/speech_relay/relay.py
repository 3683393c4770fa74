"""Speech over gRPC for PC2, relayed to the TTS of the main machine by ZMQ."""
import signal
import threading

from prometheus_client import Counter, start_http_server

from common import config, rpc
from common.client import Peer
from common.log import logger

NAME = "SpeechRelayService"
RELAYED = Counter("speech_relay_requests_total", "Requests", ["result"])


def speak(request: dict) -> dict:
    """{"text": ...}; the relay answers whether or not the TTS is up."""
    peer = Peer("StreamingTTSAgent", timeout_ms=1000)
    reply = peer.ask_or({"queued": False}, "speak",
                        text=str(request.get("text", "")))
    RELAYED.labels("queued" if reply["queued"] else "dropped").inc()
    return {"queued": reply["queued"]}


def main() -> None:
    settings = config.service(NAME)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    start_http_server(settings.metrics_port)
    server = rpc.serve(settings.port, "speech.Relay", {"Speak": speak})
    logger(NAME).info("listening on %d", settings.port)
    stopped.wait()
    server.stop(grace=2).wait()


if __name__ == "__main__":
    main()
