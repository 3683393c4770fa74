from common import agent

SETTINGS = agent.settings("{name: Memory, port: 5713}")


def answer(request: dict) -> dict:
    return {"status": "error", "why": "Memory knows only ping"}


if __name__ == "__main__":
    agent.serve(SETTINGS, answer)
