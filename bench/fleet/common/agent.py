"""A ZMQ REP loop that answers {"action": "ping"}, with metrics."""
import asyncio
import signal
import sys

import nats
import orjson
import prometheus_client
import psutil
import pydantic
import redis
import yaml
import zmq

REQUESTS = prometheus_client.Counter("requests", "answered requests")


class Settings(pydantic.BaseModel):
    name: str
    port: int
    redis_url: str = "redis://127.0.0.1:6379"


def settings(text: str) -> Settings:
    return Settings(**yaml.safe_load(text))


def cache(of: Settings) -> redis.Redis:
    return redis.Redis.from_url(of.redis_url, socket_timeout=1)


def publish(subject: str, message: bytes) -> None:
    async def send() -> None:
        client = await nats.connect()
        await client.publish(subject, message)
        await client.drain()

    asyncio.run(send())


def serve(of: Settings, answer) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.bind(f"tcp://*:{of.port}")
    print(f"{of.name}: listening on {of.port}", flush=True)
    while True:
        request = orjson.loads(socket.recv())
        REQUESTS.inc()
        if request.get("action") == "ping":
            reply = {"status": "ok", "memory": psutil.virtual_memory().percent}
        else:
            reply = answer(request)
        socket.send(orjson.dumps(reply))
