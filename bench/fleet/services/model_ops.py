import torch

from common import agent

SETTINGS = agent.settings("{name: ModelOps, port: 7211}")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def answer(request: dict) -> dict:
    return {"sum": float(torch.ones(8, device=DEVICE).sum())}


if __name__ == "__main__":
    agent.serve(SETTINGS, answer)
