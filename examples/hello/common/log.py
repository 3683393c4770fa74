"""One line per event, on standard output."""


def say(text: str) -> None:
    print(f"echo: {text}", flush=True)
