"""A small language model of bytes: scores a text, and continues one.

Its weights follow from a seed: nothing is downloaded. A real one would come
from the folder of models that is mounted.
"""
import torch

ALPHABET = " abcdefghijklmnopqrstuvwxyz.,!?'"


class TinyModel(torch.nn.Module):
    def __init__(self, width: int = 64, seed: int = 7):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = torch.nn.Embedding(len(ALPHABET), width)
        self.recurrent = torch.nn.GRU(width, width, batch_first=True)
        self.head = torch.nn.Linear(width, len(ALPHABET))

    def forward(self, tokens: torch.Tensor, state=None):
        hidden, state = self.recurrent(self.embedding(tokens), state)
        return self.head(hidden), state

    def encode(self, text: str) -> torch.Tensor:
        known = [ALPHABET.index(letter) for letter in text.lower()[:512]
                 if letter in ALPHABET] or [0]
        return torch.tensor([known], device=self.head.weight.device)

    @torch.inference_mode()
    def score(self, text: str) -> float:
        """Mean likelihood of each next letter, 0 to 1."""
        tokens = self.encode(text)
        if tokens.shape[1] < 2:
            return 0.0
        logits, _ = self(tokens[:, :-1])
        chances = logits.softmax(-1).gather(-1, tokens[:, 1:, None])
        return float(chances.mean())

    @torch.inference_mode()
    def generate(self, text: str, length: int = 24) -> str:
        token, state, letters = self.encode(text), None, []
        for _ in range(min(length, 256)):
            logits, state = self(token, state)
            token = logits[:, -1:].argmax(-1)
            letters.append(ALPHABET[int(token)])
        return "".join(letters)
