#| label: service-types
"""Lesson 10's classifier of film reviews over HTTP: one text, or many at once."""

from typing import Annotated

import bentoml
import numpy as np
import torch
from pydantic import AfterValidator, BaseModel, Field

from atelier.sentiment import load_reader, read
from atelier.serving import Guard


def not_too_long(texts):
    if sum(map(len, texts)) > 100_000:
        raise ValueError("all texts together should have at most 100,000 characters")
    return texts


Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=64), AfterValidator(not_too_long)]


class Answer(BaseModel):
    label: str
    probability: float


#| label: service-class
@bentoml.service(name="sentiment", workers=1, traffic={"timeout": 30, "max_concurrency": 256})
class Sentiment:
    model = bentoml.models.BentoModel("sentiment:latest")

    def __init__(self):
        torch.set_num_threads(1)
        self.reader = load_reader(self.model.path_of("reader.safetensors"))
        self.answers(["The first answer is slow, so nobody should wait for it."])

    def answers(self, texts):
        return [Answer(label=self.reader.labels[scores.argmax()], probability=scores.max())
                for scores in read(self.reader, texts)]

    @bentoml.api
    def scores(self, text: Text) -> np.ndarray:
        return read(self.reader, [text])[0]

    @bentoml.api
    def classify(self, text: Text) -> Answer:
        return self.answers([text])[0]

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=10_000)
    def classify_batch(self, texts: Texts) -> list[Answer]:
        return self.answers(texts)


Sentiment.add_asgi_middleware(Guard, kind="application/json", most=1_000_000)
