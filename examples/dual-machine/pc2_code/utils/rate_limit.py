"""A bucket that fills with time: so many per minute, not all at once."""
import time


class RateLimit:
    def __init__(self, per_minute: int):
        self.per_second = per_minute / 60
        self.most = max(1.0, per_minute / 6)
        self.level = self.most
        self.at = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self.level = min(self.most,
                         self.level + (now - self.at) * self.per_second)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True
