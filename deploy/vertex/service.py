#| label: service
"""The U-Net of lesson 09 as a BentoML service that keeps Vertex AI's contract."""

import json
import os
from pathlib import Path
from typing import Any

import bentoml
import torch
from starlette.responses import JSONResponse

from atelier.files import PictureError
from atelier.serving import Guard
from atelier.unet import load_unet, segment
from atelier.wire import mask_text, picture_of

HEALTH = os.environ.get("AIP_HEALTH_ROUTE", "/health")
PREDICT = os.environ.get("AIP_PREDICT_ROUTE", "/predict")
WEIGHTS = os.environ.get("UNET_WEIGHTS", Path(__file__).with_name("unet.safetensors"))
MOST_BYTES, MOST_INSTANCES = 1_500_000, 16  # Vertex AI's limit, and ours


class Contract:
    """ASGI middleware: the two routes, and a description without scripts in /docs.json."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == HEALTH:
            scope = {**scope, "path": "/readyz"}
        elif scope["type"] == "http" and scope["path"] not in (PREDICT, "/docs.json"):
            said = f"There is no {scope['path']} here, only {HEALTH} and {PREDICT}."
            return await JSONResponse({"error": said}, 404)(scope, receive, send)
        await self.app(scope, receive, send)


#| label: service-class
@bentoml.service(name="unet", workers=1, traffic={"timeout": 30})
class Unet:
    def __init__(self):
        self.net = load_unet(WEIGHTS).to("cuda" if torch.cuda.is_available() else "cpu")

    @bentoml.api(route=PREDICT)
    def predict(self, ctx: bentoml.Context, instances: Any = None, parameters: Any = None) -> dict:
        try:
            return {"predictions": self.predictions(instances)}
        except ValueError as error:
            ctx.response.status_code = 400
            return {"error": str(error)}

    def predictions(self, instances):
        """A mask for each; a ValueError names the first bad instance by its number, from 0."""
        if not isinstance(instances, list) or not 1 <= len(instances) <= MOST_INSTANCES:
            raise ValueError(f"'instances' must be a list of 1 to {MOST_INSTANCES} objects.")
        predictions = []
        for number, one in enumerate(instances):
            try:
                picture = picture_of(one.get("image") if isinstance(one, dict) else None)
            except PictureError as error:
                raise ValueError(f"Instance {number} was refused: {error}.") from None
            mask = segment(self.net, picture, self.net.size)
            predictions.append(
                {"mask": mask_text(mask), "size": mask.size, "classes": self.net.classes})
        if len(json.dumps(predictions)) > MOST_BYTES - 100:
            raise ValueError("The answer would be larger than 1.5 MB: send fewer instances.")
        return predictions


Unet.add_asgi_middleware(Contract)
Unet.add_asgi_middleware(Guard, most=MOST_BYTES)
