"""Who the assistant is right now: name, tone and limits, by situation."""
from pydantic import BaseModel

from common.agent import Agent


class Identity(BaseModel):
    name: str
    tone: str = "friendly"
    formality: float = 0.5
    topics_to_avoid: list[str] = []


class DynamicIdentityAgent(Agent):
    def setup(self) -> None:
        self.identities = {
            situation: Identity(**entry) for situation, entry
            in self.settings.config["identities"].items()}
        self.situation = "home"

    def do_switch(self, situation: str) -> dict:
        if situation not in self.identities:
            raise ValueError("known: " + ", ".join(self.identities))
        self.situation = situation
        return self.do_who()

    def do_who(self) -> dict:
        identity = self.identities[self.situation]
        return {"situation": self.situation, **identity.model_dump()}


if __name__ == "__main__":
    DynamicIdentityAgent().run()
