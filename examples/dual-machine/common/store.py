"""Keys and values: in Redis where one answers, else in this process."""
import os
import time

import orjson
import redis

RETRY_SECONDS = 10.0


class Store:
    def __init__(self, prefix: str):
        self.prefix = prefix
        self._memory: dict[str, bytes] = {}
        self._down_until = 0.0
        self._redis = redis.Redis.from_url(
            os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
            socket_connect_timeout=0.3, socket_timeout=0.5)

    def _try(self, call):
        """What Redis says, or None where there is none."""
        if time.monotonic() < self._down_until:
            return None
        try:
            return call(self._redis)
        except redis.RedisError:
            self._down_until = time.monotonic() + RETRY_SECONDS
            return None

    @property
    def backend(self) -> str:
        return "redis" if self._try(lambda r: r.ping()) else "memory"

    def put(self, key: str, value, seconds: int | None = None) -> None:
        data = orjson.dumps(value, default=str)
        self._memory[key] = data
        self._try(lambda r: r.set(f"{self.prefix}:{key}", data, ex=seconds))

    def get(self, key: str, default=None):
        data = self._try(lambda r: r.get(f"{self.prefix}:{key}"))
        data = data or self._memory.get(key)
        return default if data is None else orjson.loads(data)

    def forget(self, key: str) -> bool:
        self._try(lambda r: r.delete(f"{self.prefix}:{key}"))
        return self._memory.pop(key, None) is not None

    def keys(self) -> list[str]:
        return sorted(self._memory)
