#| label: painter-opens
"""Lesson 04's painter over HTTP: a picture in, the painter's name out."""

from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime
from bentoml.exceptions import InvalidArgument
from bentoml.validators import ContentType
from PIL import Image
from pydantic import BaseModel

from atelier.serving import Guard

FORMATS = "JPEG", "PNG", "WEBP"
MOST_PIXELS = 20_000_000


def opened(file):
    """The picture in a file; InvalidArgument, which becomes a 400, where there is none."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width*image.height <= MOST_PIXELS:
                return image.convert("RGB")
    except Image.DecompressionBombError:
        pass
    except Exception:  # whatever a decoder stumbles over, the file is at fault
        raise InvalidArgument("The file cannot be read as a picture: send a whole JPEG, PNG or WebP.") from None
    raise InvalidArgument("The picture has more than 20 million pixels: send a smaller one.")


#| label: painter-service
class Answer(BaseModel):
    painter: str
    probability: float


@bentoml.service(name="painter", workers=1, traffic={"timeout": 30, "max_concurrency": 64})
class Painter:
    model = bentoml.models.BentoModel("painter:latest")

    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.runner = onnxruntime.InferenceSession(self.model.path_of("painter.onnx"), options)
        self.labels = self.runner.get_modelmeta().custom_metadata_map["labels"].split()

    @bentoml.api
    def classify(self, image: Annotated[Path, ContentType("image/*")]) -> Answer:
        small = opened(image).resize((128, 128), Image.Resampling.BILINEAR)
        scores = self.runner.run(None, {"pixels": np.array(small)[None]})[0][0]
        return Answer(painter=self.labels[scores.argmax()], probability=scores.max())


Painter.add_asgi_middleware(Guard, kind="multipart/form-data", most=10_000_000, field="image")
