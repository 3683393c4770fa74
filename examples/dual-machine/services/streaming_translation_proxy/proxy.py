"""Translates over a websocket, sentence by sentence, while one speaks."""
from fastapi import WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from prometheus_client import Counter, Gauge
from pydantic import BaseModel

from common.client import Peer
from common.web import make_app, serve

NAME = "StreamingTranslationProxy"
OPEN = Gauge("translation_sockets", "Open websockets")
SENTENCES = Counter("translation_sentences_total", "Sentences", ["by"])

app = make_app(NAME)


class Job(BaseModel):
    text: str
    language: str = "de"


def translate(job: Job) -> dict:
    # A REQ socket belongs to one thread: each job has its own.
    peer = Peer("CloudTranslationService", timeout_ms=3000)
    reply = peer.ask_or({"text": job.text, "by": "nobody"}, "translate",
                        text=job.text, language=job.language)
    SENTENCES.labels(reply["by"]).inc()
    return {"text": reply["text"], "by": reply["by"]}


@app.post("/translate")
def translate_once(job: Job) -> dict:
    return translate(job)


@app.websocket("/ws")
async def stream(socket: WebSocket) -> None:
    await socket.accept()
    with OPEN.track_inprogress():
        try:
            while True:
                job = Job(**await socket.receive_json())
                await socket.send_json(await run_in_threadpool(translate, job))
        except WebSocketDisconnect:
            pass


if __name__ == "__main__":
    serve(app, NAME)
