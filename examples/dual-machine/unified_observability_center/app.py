"""UnifiedObservabilityCenter: takes measures from all, shows them live."""
import asyncio
import time
from collections import defaultdict, deque

from fastapi import HTTPException, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from common.web import make_app, serve

NAME = "UnifiedObservabilityCenter"

app = make_app(NAME)
series: dict[str, deque] = defaultdict(lambda: deque(maxlen=1000))
changed = asyncio.Event()


class Measure(BaseModel):
    service: str
    name: str
    value: float


@app.post("/measures")
async def take(measures: list[Measure]) -> dict:
    for measure in measures:
        series[f"{measure.service}.{measure.name}"].append(
            (time.time(), measure.value))
    changed.set()
    return {"series": len(series)}


@app.get("/series/{key}")
async def show(key: str) -> dict:
    if key not in series:
        raise HTTPException(404, f"nothing is known of {key}")
    values = [value for _, value in series[key]]
    return {"last": values[-1], "mean": sum(values) / len(values),
            "count": len(values)}


@app.websocket("/live")
async def live(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_json({key: values[-1][1]
                                    for key, values in series.items()})
            changed.clear()
            try:
                await asyncio.wait_for(changed.wait(), timeout=10)
            except asyncio.TimeoutError:
                pass
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    serve(app, NAME)
