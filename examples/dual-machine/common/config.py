"""The startup configuration: where each service of the fleet listens.

Reads both files at run time, so that a service finds its own ports and those
of the others in one place. An entry of this machine's file wins.
"""
import os
import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[1]
FILES = {"mainpc": "main_pc_code/config/startup_config.yaml",
         "pc2": "pc2_code/config/startup_config.yaml"}
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class Service(BaseModel):
    """One entry, of either file."""
    name: str
    host: str
    port: int
    health_check_port: int
    metrics_port: int | None = None
    required: bool = False
    dependencies: list[str] = []
    config: dict = {}


def expand(text: str) -> str:
    """${NAME} and ${NAME:-default} from the environment."""
    return VARIABLE.sub(
        lambda found: os.environ.get(found[1]) or found[2] or "", text)


def number(value: int | str) -> int:
    """ "${PORT_OFFSET}+7200" as a number; what is not set counts as 0."""
    return sum(int(part or 0) for part in expand(str(value)).split("+"))


def _entries(document: dict):
    for group in document.get("agent_groups", {}).values():
        for name, entry in group.items():
            yield {"name": name, **entry}
    yield from document.get("pc2_services", [])


@cache
def services() -> dict[str, Service]:
    here = os.environ.get("SLIPWAY_MACHINE", "mainpc")
    found = {}
    for machine in sorted(FILES, key=lambda name: name != here):
        document = yaml.safe_load((ROOT / FILES[machine]).read_text())
        host = document.get("global_settings", {}).get("host", "127.0.0.1")
        for entry in _entries(document):
            ports = {key: number(value) for key, value in entry.items()
                     if key.endswith("port")}
            where = expand(entry.get("host", host))
            found.setdefault(entry["name"], Service(
                **{**entry, **ports, "host": where}))
    return found


def service(name: str) -> Service:
    try:
        return services()[name]
    except KeyError:
        raise SystemExit(f"{name} is in none of {', '.join(FILES.values())}")
