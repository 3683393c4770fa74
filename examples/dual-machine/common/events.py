"""Publishes what happens over NATS, for those who listen.

A guarded import: most images have no nats-py, and their services say nothing.
"""
import asyncio
import os
import threading

from common import messages
from common.log import logger

try:
    import nats
except ImportError:
    nats = None


class Events:
    def __init__(self, source: str):
        self.source = source
        self.log = logger(f"{source}.events")
        self._client = None
        self._loop = asyncio.new_event_loop()
        if nats is not None:
            threading.Thread(target=self._serve, daemon=True).start()

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.create_task(self._connect())
        self._loop.run_forever()

    async def _connect(self) -> None:
        url = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
        while self._client is None:
            try:
                self._client = await nats.connect(
                    url, connect_timeout=1, allow_reconnect=True,
                    max_reconnect_attempts=-1, error_cb=self._ignore)
                self.log.info("publishing to %s", url)
            except (OSError, asyncio.TimeoutError, nats.errors.Error):
                await asyncio.sleep(5)

    async def _ignore(self, _error: Exception) -> None:
        """An absent server is tried again; nothing to say each time."""

    def publish(self, subject: str, **fields) -> bool:
        """False where nobody can hear it."""
        if not self.connected:
            return False
        data = messages.encode({"source": self.source, **fields})
        asyncio.run_coroutine_threadsafe(
            self._client.publish(subject, data), self._loop)
        return True
