"""Small things with words that several agents need."""
import re
from collections import Counter

WORD = re.compile(r"[\w']+")
GOOD = {"good", "great", "love", "happy", "thanks", "nice", "fun", "yes"}
BAD = {"bad", "sad", "hate", "angry", "tired", "afraid", "no", "alone"}


def words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def mood(text: str) -> float:
    """From -1 (bad) to 1 (good), by the words that are there."""
    found = words(text)
    score = sum(word in GOOD for word in found) - sum(
        word in BAD for word in found)
    return max(-1.0, min(1.0, score / 3))


def keywords(text: str, count: int = 5) -> list[str]:
    """The most frequent, of these the longest."""
    counts = Counter(word for word in words(text) if len(word) > 3)
    return sorted(counts, key=lambda word: (-counts[word], -len(word)))[:count]


def likeness(one: str, other: str) -> float:
    """Shared words of all words, 0 to 1."""
    a, b = set(words(one)), set(words(other))
    return len(a & b) / len(a | b) if a | b else 0.0
