#| label: painter-opens
"""Lesson 04's painter over HTTP: a picture in, the painter's name out."""

import json
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime
from bentoml.exceptions import InvalidArgument
from bentoml.validators import ContentType
from PIL import Image
from pydantic import BaseModel

from atelier.files import PictureError, open_picture
from atelier.serving import Guard


def opened(file):
    """The picture in a file; InvalidArgument, which becomes a 400, where there is none."""
    try:
        return open_picture(file.read_bytes())
    except PictureError as error:
        raise InvalidArgument(f"The request was refused: {error}.") from None


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
        self.labels = json.loads(self.runner.get_modelmeta().custom_metadata_map["labels"])

    @bentoml.api
    def classify(self, image: Annotated[Path, ContentType("image/*")]) -> Answer:
        small = opened(image).resize((128, 128), Image.Resampling.BILINEAR)
        scores = self.runner.run(None, {"pixels": np.array(small)[None]})[0][0]
        return Answer(painter=self.labels[scores.argmax()], probability=scores.max())


Painter.add_asgi_middleware(Guard, kind="multipart/form-data", most=10_000_000, field="image")
