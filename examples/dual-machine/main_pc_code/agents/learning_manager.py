"""Trains small models in slices, so that others get the GPU in between."""
import torch

from common import device
from common.agent import Agent


class LearningManager(Agent):
    tick_seconds = 0.5

    def setup(self) -> None:
        self.device = device.choose()
        self.steps = self.settings.config.get("steps_per_slice", 20)
        self.jobs: dict[str, dict] = {}

    def do_train(self, job: str, inputs: list[list[float]],
                 targets: list[float], steps: int = 200) -> dict:
        if not inputs or len(inputs) != len(targets):
            raise ValueError("as many targets as inputs, and at least one")
        model = torch.nn.Linear(len(inputs[0]), 1).to(self.device)
        self.jobs[job] = {
            "model": model, "left": steps, "loss": None,
            "x": torch.tensor(inputs, device=self.device),
            "y": torch.tensor(targets, device=self.device).unsqueeze(1),
            "step": torch.optim.Adam(model.parameters(), lr=0.05)}
        return {"job": job, "steps": steps}

    def tick(self) -> None:
        for job in self.jobs.values():
            for _ in range(min(self.steps, job["left"])):
                job["step"].zero_grad()
                loss = torch.nn.functional.mse_loss(
                    job["model"](job["x"]), job["y"])
                loss.backward()
                job["step"].step()
                job["loss"] = loss.item()
                job["left"] -= 1

    def do_progress(self, job: str) -> dict:
        if job not in self.jobs:
            raise ValueError(f"there is no job {job}")
        return {"left": self.jobs[job]["left"],
                "loss": self.jobs[job]["loss"], "device": str(self.device)}


if __name__ == "__main__":
    LearningManager().run()
