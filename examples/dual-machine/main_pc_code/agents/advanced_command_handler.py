"""The dialogue manager: parse, validate, and hand on to who can do it."""
from common.agent import Agent
from common.client import Peer, PeerAbsent

HANDLERS = {"set_light": ("SmartHomeAgent", "set_light"),
            "translate": ("CloudTranslationService", "translate"),
            "chat": ("ChitchatAgent", "chat")}


class AdvancedCommandHandler(Agent):
    def setup(self) -> None:
        self.nlu = Peer("NLUAgent")
        self.validator = Peer("IntentionValidatorAgent")
        self.peers = {name: Peer(name) for name, _ in HANDLERS.values()}
        self.history: list[str] = []

    def do_handle(self, text: str, user: str = "someone") -> dict:
        self.history = [*self.history[-99:], text]
        try:
            understood = self.nlu.ask("parse", text=text)
            verdict = self.validator.ask("validate", text=text, user=user)
            if not verdict["valid"]:
                return {"done": False, "say": verdict["reason"] or
                        f"I need {', '.join(verdict['missing'])}."}
            name, action = HANDLERS.get(understood["intent"],
                                        HANDLERS["chat"])
            slots = understood["slots"] or {"text": text}
            return {"done": True, "by": name,
                    "result": self.peers[name].ask(action, **slots)}
        except PeerAbsent as wrong:
            return {"done": False, "say": f"Not now: {wrong}."}

    def do_history(self) -> dict:
        return {"history": self.history}


if __name__ == "__main__":
    AdvancedCommandHandler().run()
