"""Finds faces with OpenCV and tells them apart with an ONNX network.

models/face_embedding.onnx is made by models/make_face_embedding.py: it pools
a face to a small grid, enough to know the same picture again.
"""
import base64

import cv2
import numpy
import onnxruntime

from common.agent import Agent
from common.store import Store

MODEL = "main_pc_code/models/face_embedding.onnx"
SIDE = 64


class FaceRecognitionAgent(Agent):
    def setup(self) -> None:
        wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        there = onnxruntime.get_available_providers()
        self.session = onnxruntime.InferenceSession(
            MODEL, providers=[name for name in wanted if name in there])
        self.finder = cv2.CascadeClassifier(
            cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
        self.store = Store("faces")
        self.seen: str | None = None
        self.log.info("providers: %s", self.session.get_providers())

    def faces(self, image: str) -> list[numpy.ndarray]:
        """Faces of an encoded picture (base64 of PNG or JPEG), grey."""
        data = numpy.frombuffer(base64.b64decode(image, validate=True),
                                numpy.uint8)
        grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise ValueError("no picture that OpenCV can read")
        found = self.finder.detectMultiScale(grey, 1.1, 4)
        return [cv2.resize(grey[y:y + h, x:x + w], (SIDE, SIDE))
                for x, y, w, h in found]

    def embed(self, face: numpy.ndarray) -> numpy.ndarray:
        pixels = face.astype(numpy.float32)[None, None] / 255
        [vector] = self.session.run(None, {"face": pixels})
        vector = vector[0] - vector[0].mean()
        return vector / (numpy.linalg.norm(vector) or 1.0)

    def do_learn(self, name: str, image: str) -> dict:
        faces = self.faces(image)
        if len(faces) != 1:
            raise ValueError(f"one face is needed, {len(faces)} are there")
        self.store.put(name, self.embed(faces[0]).tolist())
        return {"known": self.store.keys()}

    def do_recognize(self, image: str) -> dict:
        names = []
        for face in self.faces(image):
            now = self.embed(face)
            scores = {name: float(now @ numpy.array(self.store.get(name)))
                      for name in self.store.keys()}
            best = max(scores, key=scores.get, default=None)
            names.append(best if best and scores[best] > 0.8 else None)
        self.seen = next((name for name in names if name), self.seen)
        return {"faces": len(names), "names": names}

    def do_last_seen(self) -> dict:
        return {"name": self.seen}


if __name__ == "__main__":
    FaceRecognitionAgent().run()
