import fastapi
import uvicorn

from common import agent

SETTINGS = agent.settings("{name: Dashboard, port: 8001}")
app = fastapi.FastAPI(title=SETTINGS.name)


@app.get("/health")
def health() -> dict:
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=SETTINGS.port)
