"""Who is there: services register, and are forgotten when they go silent."""
import time

from common import config
from common.agent import Agent
from common.store import Store


class ServiceRegistry(Agent):
    def setup(self) -> None:
        self.silence_s = self.settings.config.get("silence_seconds", 30)
        self.store = Store("registry")
        self.seen: dict[str, float] = {}

    def do_register(self, service: str, address: str = "") -> dict:
        known = config.services().get(service)
        if not address and known:
            address = f"tcp://{known.host}:{known.port}"
        if not address:
            raise ValueError(f"{service} is in no startup config; name its "
                             "address")
        self.seen[service] = time.monotonic()
        self.store.put(service, address)
        return {"address": address}

    def do_lookup(self, service: str) -> dict:
        address = self.store.get(service)
        if address is None:
            raise ValueError(f"{service} is not registered")
        return {"address": address, "alive": service in self.seen}

    def do_list(self) -> dict:
        return {"services": sorted(self.seen), "backend": self.store.backend}

    def tick(self) -> None:
        now = time.monotonic()
        for service, at in list(self.seen.items()):
            if now - at > self.silence_s:
                del self.seen[service]
                self.log.info("%s went silent", service)


if __name__ == "__main__":
    ServiceRegistry().run()
