"""From a sentence to an intent with slots, by patterns."""
import re

from common.agent import Agent

PATTERNS = [
    ("set_light", r"(?:set|turn) the (?P<room>\w+) lights? to (?P<level>\d+)"),
    ("play", r"play (?P<title>.+)"),
    ("remind", r"remind me (?:to (?P<what>.+) )?(?P<when>at .+|in .+)"),
    ("translate", r"translate (?P<text>.+) to (?P<language>\w+)"),
    ("weather", r"weather (?:in (?P<place>\w+))?"),
]


class NLUAgent(Agent):
    def setup(self) -> None:
        extra = self.settings.config.get("patterns", {})
        self.patterns = [(intent, re.compile(pattern, re.IGNORECASE))
                         for intent, pattern in PATTERNS + list(extra.items())]

    def do_parse(self, text: str) -> dict:
        for intent, pattern in self.patterns:
            found = pattern.search(text)
            if found:
                slots = {name: value for name, value
                         in found.groupdict().items() if value}
                return {"intent": intent, "slots": slots, "certainty": 0.9}
        is_question = text.strip().endswith("?")
        return {"intent": "question" if is_question else "chat",
                "slots": {}, "certainty": 0.3}


if __name__ == "__main__":
    NLUAgent().run()
