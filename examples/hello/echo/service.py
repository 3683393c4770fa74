"""Answers {"action": "ping"} over ZMQ with the greeting of greeting.yaml."""
import signal
import sys
from pathlib import Path

import orjson
import yaml
import zmq

from common.log import say


def main() -> None:
    greeting = yaml.safe_load(
        (Path(__file__).parent / "greeting.yaml").read_text())["greeting"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.bind("tcp://*:5555")
    say("listening on 5555")
    while True:
        request = orjson.loads(socket.recv())
        if request.get("action") == "ping":
            socket.send(orjson.dumps({"status": "ok", "answer": greeting}))
        else:
            socket.send(orjson.dumps({"status": "error",
                                      "why": "unknown action"}))


if __name__ == "__main__":
    main()
