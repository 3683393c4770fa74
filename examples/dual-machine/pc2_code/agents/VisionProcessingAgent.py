"""What is in a picture: size, light, sharpness, colours, and what moved."""
import base64

import cv2
import numpy
import onnxruntime

from common.agent import Agent


class VisionProcessingAgent(Agent):
    def setup(self) -> None:
        self.before: numpy.ndarray | None = None
        self.device = ("cuda" if "CUDAExecutionProvider" in
                       onnxruntime.get_available_providers() else "cpu")
        self.colours = self.settings.config.get("colours", 3)

    def picture(self, image: str) -> numpy.ndarray:
        data = numpy.frombuffer(base64.b64decode(image, validate=True),
                                numpy.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if picture is None:
            raise ValueError("no picture that OpenCV can read")
        return picture

    def do_describe(self, image: str) -> dict:
        picture = self.picture(image)
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        pixels = cv2.resize(picture, (32, 32)).reshape(-1, 3)
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
        _, _, centres = cv2.kmeans(pixels.astype(numpy.float32), self.colours,
                                   None, stop, 3, cv2.KMEANS_PP_CENTERS)
        return {"width": picture.shape[1], "height": picture.shape[0],
                "light": float(grey.mean()) / 255,
                "sharpness": float(cv2.Laplacian(grey, cv2.CV_64F).var()),
                "colours": ["#%02x%02x%02x" % tuple(int(c) for c in bgr[::-1])
                            for bgr in centres], "device": self.device}

    def do_motion(self, image: str) -> dict:
        grey = cv2.resize(cv2.cvtColor(self.picture(image),
                                       cv2.COLOR_BGR2GRAY), (160, 120))
        before, self.before = self.before, grey
        if before is None:
            return {"moved": 0.0}
        changed = cv2.absdiff(before, grey) > 25
        return {"moved": float(changed.mean())}


if __name__ == "__main__":
    VisionProcessingAgent().run()
