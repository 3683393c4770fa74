from common import agent

SETTINGS = agent.settings("{name: Scheduler, port: 7155}")


def answer(request: dict) -> dict:
    return {"status": "error", "why": "Scheduler knows only ping"}


if __name__ == "__main__":
    agent.serve(SETTINGS, answer)
