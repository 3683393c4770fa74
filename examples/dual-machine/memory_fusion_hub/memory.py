"""Keys and values with a bound on their bytes and a journal on disk."""
import threading
from collections import OrderedDict
from pathlib import Path

import orjson

from common.text import likeness


class Memory:
    """Methods may be called by several threads."""

    def __init__(self, journal: Path, limit_bytes: int):
        self.journal = journal
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._unwritten: list[bytes] = []
        self._lock = threading.Lock()
        if journal.exists():
            for line in journal.read_bytes().splitlines():
                entry = orjson.loads(line)
                self._set(entry["key"], orjson.dumps(entry["value"]))

    def __len__(self) -> int:
        return len(self._values)

    def _set(self, key: str, data: bytes) -> None:
        self.bytes += len(data) - len(self._values.pop(key, b""))
        self._values[key] = data
        while self.bytes > self.limit_bytes and len(self._values) > 1:
            self.bytes -= len(self._values.popitem(last=False)[1])

    def put(self, key: str, value) -> None:
        with self._lock:
            self._set(key, orjson.dumps(value))
            self._unwritten.append(orjson.dumps({"key": key, "value": value}))

    def get(self, key: str):
        with self._lock:
            data = self._values.get(key)
            if data is None:
                return None
            self._values.move_to_end(key)
            return orjson.loads(data)

    def search(self, text: str, count: int) -> list[str]:
        with self._lock:
            ranked = sorted(self._values, reverse=True, key=lambda key:
                            likeness(text, self._values[key].decode()))
        return ranked[:count]

    def flush(self) -> None:
        with self._lock:
            lines, self._unwritten = self._unwritten, []
        if lines:
            with self.journal.open("ab") as file:
                file.write(b"\n".join(lines) + b"\n")
