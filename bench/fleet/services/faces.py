import cv2
import numpy
import onnxruntime

from common import agent

SETTINGS = agent.settings("{name: Faces, port: 5610}")


def answer(request: dict) -> dict:
    image = cv2.GaussianBlur(numpy.eye(64, dtype=numpy.float32), (5, 5), 0)
    return {"mean": float(image.mean()),
            "providers": onnxruntime.get_available_providers()}


if __name__ == "__main__":
    agent.serve(SETTINGS, answer)
