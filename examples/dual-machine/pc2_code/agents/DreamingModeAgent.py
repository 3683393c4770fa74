"""When nobody is there, lets DreamWorldAgent dream and rates the dreams."""
import torch

from common import device
from common.agent import Agent
from common.client import Peer


class DreamingModeAgent(Agent):
    tick_seconds = 10.0

    def setup(self) -> None:
        self.device = device.choose()
        self.world = Peer("DreamWorldAgent", timeout_ms=1000)
        self.asleep = False
        self.random = torch.Generator().manual_seed(
            self.settings.config.get("seed", 1))
        self.dreams: list[list[float]] = []

    def do_sleep(self, asleep: bool = True) -> dict:
        self.asleep = asleep
        return {"asleep": asleep}

    def tick(self) -> None:
        if not self.asleep:
            return
        x, y = torch.randint(0, 64, (2,), generator=self.random).tolist()
        if self.world.ask_or({}, "seed", x=x, y=y, heat=5.0):
            reply = self.world.ask_or({}, "dream", steps=50)
            if reply:
                self.dreams.append([reply["heat"], *reply["warmest"]])

    @torch.inference_mode()
    def do_novelty(self) -> dict:
        """How unlike each other the dreams are: their mean distance."""
        if len(self.dreams) < 2:
            return {"dreams": len(self.dreams), "novelty": 0.0}
        points = torch.tensor(self.dreams[-100:], device=self.device)
        return {"dreams": len(self.dreams),
                "novelty": float(torch.pdist(points).mean())}


if __name__ == "__main__":
    DreamingModeAgent().run()
