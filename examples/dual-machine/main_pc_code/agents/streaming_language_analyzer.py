"""Which language is being spoken? By its small words, over a sliding text."""
from collections import deque

from common.agent import Agent
from common.text import words

SMALL_WORDS = {
    "en": {"the", "and", "is", "you", "of", "to", "it"},
    "de": {"der", "die", "und", "ist", "nicht", "das", "ich"},
    "fr": {"le", "la", "et", "est", "les", "vous", "je"},
    "tl": {"ang", "ng", "mga", "sa", "ako", "hindi", "ka"},
}


class StreamingLanguageAnalyzer(Agent):
    def setup(self) -> None:
        self.recent = deque(maxlen=self.settings.config.get("words", 40))

    def do_analyze(self, text: str) -> dict:
        self.recent.extend(words(text))
        hits = {language: sum(word in small for word in self.recent)
                for language, small in SMALL_WORDS.items()}
        total = sum(hits.values())
        if total == 0:
            return {"language": None, "shares": {}}
        shares = {language: round(count / total, 2)
                  for language, count in hits.items() if count}
        # Two languages in one breath are common: "taglish".
        mixed = sorted(shares.values())[-2:]
        return {"language": max(shares, key=shares.get), "shares": shares,
                "mixed": len(mixed) == 2 and mixed[0] > 0.3}


if __name__ == "__main__":
    StreamingLanguageAnalyzer().run()
