#| label: handler
"""TorchServe's handler for the U-Net of lesson 09: pictures come in, masks go out."""

from pathlib import Path

import torch
from PIL import Image

from atelier.files import PictureError
from atelier.unet import load_unet, preprocess  # these files travel in the archive
from atelier.wire import mask_text, picture_of


class UnetHandler:
    def initialize(self, context):
        properties = context.system_properties
        gpu = properties.get("gpu_id")
        self.device = torch.device("cpu" if gpu is None else f"cuda:{gpu}")
        file = Path(properties["model_dir"]) / context.manifest["model"]["serializedFile"]
        self.net = load_unet(file).to(self.device)

    def handle(self, requests, context):
        pictures = self.preprocess(requests)
        masks = self.inference([one for one in pictures if not isinstance(one, PictureError)])
        return self.postprocess(pictures, masks, context)

#| label: handler-steps
    def preprocess(self, requests):
        """For each request its picture, or the PictureError that says why there is none."""
        def picture(request):
            sent = request.get("body", request.get("data"))
            try:
                return picture_of(sent.get("image") if isinstance(sent, dict) else sent)
            except PictureError as error:
                return error
        return [picture(request) for request in requests]

    @torch.inference_mode()
    def inference(self, pictures):
        """The masks of some pictures, which the network sees all at once."""
        if not pictures:
            return []
        batch = torch.cat([preprocess(picture, self.net.size) for picture in pictures])
        codes = self.net(batch.to(self.device)).argmax(1).byte().cpu().numpy()
        return [Image.fromarray(mask).resize(picture.size, Image.Resampling.NEAREST)
                for mask, picture in zip(codes, pictures, strict=True)]

    def postprocess(self, pictures, masks, context):
        """An answer for each request, in their order; refused ones have the status 400."""
        answers, masks = [], iter(masks)
        for position, picture in enumerate(pictures):
            context.set_response_content_type(position, "application/json")
            if isinstance(picture, PictureError):
                context.set_response_status(400, idx=position)
                answers.append({"error": f"The request was refused: {picture}."})
            else:
                mask = next(masks)
                answers.append({"mask": mask_text(mask), "size": mask.size,
                                "classes": self.net.classes})
        return answers
