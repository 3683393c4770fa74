"""Is a command meant, allowed, and complete?"""
from common.agent import Agent
from common.client import Peer
from common.text import words

NEEDS = {"set_light": {"room", "level"}, "play": {"title"}, "remind": {"when"}}
DANGEROUS = {"delete", "format", "shutdown", "erase"}


class IntentionValidatorAgent(Agent):
    def setup(self) -> None:
        self.nlu = Peer("NLUAgent", timeout_ms=500)

    def do_validate(self, text: str, user: str = "") -> dict:
        understood = self.nlu.ask_or(
            {"intent": "unknown", "slots": {}}, "parse", text=text)
        missing = NEEDS.get(understood["intent"], set()) - set(
            understood["slots"])
        dangerous = DANGEROUS & set(words(text))
        trusted = user in self.settings.config.get("trusted", [])
        return {"intent": understood["intent"], "missing": sorted(missing),
                "valid": not missing and (trusted or not dangerous),
                "reason": f"asks to {', '.join(sorted(dangerous))}"
                if dangerous and not trusted else ""}


if __name__ == "__main__":
    IntentionValidatorAgent().run()
