"""Dreams a world: a heat map that spreads over a grid, by convolution."""
import torch

from common import device
from common.agent import Agent


class DreamWorldAgent(Agent):
    tick_seconds = 1.0

    def setup(self) -> None:
        self.device = device.choose()
        side = self.settings.config.get("side", 64)
        self.world = torch.zeros(1, 1, side, side, device=self.device)
        self.spread = torch.tensor(
            [[0.05, 0.1, 0.05], [0.1, 0.4, 0.1], [0.05, 0.1, 0.05]],
            device=self.device)[None, None]
        self.age = 0

    @torch.inference_mode()
    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.world = torch.nn.functional.conv2d(
                self.world, self.spread, padding=1) * 0.995
        self.age += count

    def tick(self) -> None:
        self.step()

    def do_seed(self, x: int, y: int, heat: float = 1.0) -> dict:
        side = self.world.shape[-1]
        self.world[0, 0, y % side, x % side] += heat
        return self.do_look()

    def do_dream(self, steps: int = 10) -> dict:
        self.step(max(0, min(steps, 1000)))
        return self.do_look()

    def do_look(self) -> dict:
        top = int(self.world.argmax())
        side = self.world.shape[-1]
        return {"age": self.age, "warmest": [top % side, top // side],
                "heat": float(self.world.sum()), "device": str(self.device)}


if __name__ == "__main__":
    DreamWorldAgent().run()
