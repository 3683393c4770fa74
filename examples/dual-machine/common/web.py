"""The base of FastAPI services: /health, /metrics, and how they are served."""
import time

import uvicorn
from fastapi import FastAPI, Request, Response
from prometheus_client import start_http_server

from common import config, metrics


def make_app(name: str) -> FastAPI:
    app = FastAPI(title=name)
    started = time.monotonic()

    @app.middleware("http")
    async def count(request: Request, proceed) -> Response:
        began = time.perf_counter()
        response = await proceed(request)
        metrics.REQUESTS.labels(name, request.method,
                                response.status_code).inc()
        metrics.SECONDS.labels(name).observe(time.perf_counter() - began)
        return response

    @app.get("/health")
    def health() -> dict:
        return {"ok": True, "service": name,
                "uptime_s": round(time.monotonic() - started, 1)}

    @app.get("/metrics")
    def show_metrics() -> Response:
        return Response(metrics.text(), media_type="text/plain")

    return app


def serve(app: FastAPI | str, name: str, workers: int = 1) -> None:
    """An app with state of its own has one worker; one that is named by a
    string may have more."""
    settings = config.service(name)
    if settings.metrics_port:
        start_http_server(settings.metrics_port)
    uvicorn.run(app, host="0.0.0.0", port=settings.port, workers=workers,
                log_level="warning")
