import torch
import torchaudio

from common import agent

SETTINGS = agent.settings("{name: Affect, port: 5560}")


def answer(request: dict) -> dict:
    tone = torch.sin(torch.arange(16_000) * 0.05).unsqueeze(0)
    low = torchaudio.functional.lowpass_biquad(tone, 16_000, 300)
    return {"energy": float(low.square().mean())}


if __name__ == "__main__":
    agent.serve(SETTINGS, answer)
