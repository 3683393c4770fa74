"""The data behind the dashboard: which services there are and how they are.

It has no state, so it runs with as many workers as the machine profile says.
Each imports the application by its name, a string; services/ has no
__init__.py for that, it is a namespace package.
"""
import os

from fastapi import HTTPException

from common import config
from common.client import Peer
from common.web import make_app, serve

NAME = "ObservabilityDashboardAPI"

app = make_app(NAME)


@app.get("/services")
def services() -> list[dict]:
    return [entry.model_dump(include={"name", "port", "required",
                                      "dependencies"})
            for entry in config.services().values()]


@app.get("/services/{name}")
def status(name: str) -> dict:
    if name not in config.services():
        raise HTTPException(404, f"there is no service {name}")
    reply = Peer(name, timeout_ms=500).ask_or({}, "status")
    return {"name": name, "up": bool(reply), **reply}


@app.get("/summary")
def summary() -> dict:
    known = config.services().values()
    return {"services": len(known),
            "required": sum(entry.required for entry in known)}


if __name__ == "__main__":
    serve("services.obs_dashboard_api.server:app", NAME,
          workers=int(os.environ.get("UVICORN_WORKERS", "1")))
