"""ModelOpsCoordinator: one model for all services, by ZMQ, gRPC and REST."""
import threading

import torch
import uvicorn
from pydantic import BaseModel

from common import device, rpc
from common.agent import Agent
from common.web import make_app
# The script's own folder is searched first, so its neighbour has a short name.
from model import TinyModel


class Text(BaseModel):
    text: str
    length: int = 24


class ModelOpsCoordinator(Agent):
    def setup(self) -> None:
        self.device = device.choose()
        self.model = TinyModel().to(self.device).eval()
        self.lock = threading.Lock()  # three doors, one model
        self.server = rpc.serve(self.settings.config["grpc_port"],
                                "models.Coordinator", {
                                    "Score": lambda r: self.score(**r),
                                    "Generate": lambda r: self.generate(**r)})
        threading.Thread(target=self.serve_http, daemon=True).start()

    def serve_http(self) -> None:
        app = make_app(self.name)

        @app.post("/score")
        def score(body: Text) -> dict:
            return self.score(body.text)

        @app.post("/generate")
        def generate(body: Text) -> dict:
            return self.generate(body.text, body.length)

        @app.get("/device")
        def show_device() -> dict:
            return {"device": str(self.device), "torch": torch.__version__}

        settings = uvicorn.Config(
            app, host="0.0.0.0", log_level="warning",
            port=self.settings.config["http_port"])
        uvicorn.Server(settings).run()

    def score(self, text: str) -> dict:
        with self.lock:
            return {"score": self.model.score(text)}

    def generate(self, text: str, length: int = 24) -> dict:
        with self.lock:
            return {"text": self.model.generate(text, length)}

    def do_score(self, text: str) -> dict:
        return self.score(text)

    def do_generate(self, text: str, length: int = 24) -> dict:
        return self.generate(text, length)

    def do_transcribe(self, features: list[float], language: str) -> dict:
        """From the mean spectrum of STTService to letters."""
        levels = torch.tensor(features).softmax(0).argsort(descending=True)
        seed = "".join(chr(97 + int(i) % 26) for i in levels[:8])
        return {"text": self.generate(seed)["text"], "language": language}


if __name__ == "__main__":
    ModelOpsCoordinator().run()
