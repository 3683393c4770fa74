from common import agent

SETTINGS = agent.settings("{name: Registry, port: 7200}")


def answer(request: dict) -> dict:
    return {"status": "error", "why": "Registry knows only ping"}


if __name__ == "__main__":
    agent.serve(SETTINGS, answer)
