"""What lesson 11's service is measured against: the same reader behind FastAPI, and a fastai learner of that size."""

import os
from threading import Lock

import torch
from fastapi import FastAPI
from pydantic import BaseModel

from atelier.sentiment import load_reader, read

torch.set_num_threads(1)
reader = load_reader(os.environ["READER"])
app = FastAPI(docs_url=None, redoc_url=None)


class Question(BaseModel):
    text: str


@app.get("/readyz")
def ready():
    return "ready"


@app.post("/classify")
def classify(question: Question):
    scores = read(reader, [question.text])[0]
    return {"label": reader.labels[scores.argmax()], "probability": float(scores.max())}


if "LEARNER" in os.environ:
    from fastai.text.all import AWD_LSTM, TextDataLoaders, awd_lstm_clas_config, pd, text_classifier_learner

    table = pd.DataFrame({"text": ["A good film!", "A bad film!"]*20, "label": ["pos", "neg"]*20})
    dls = TextDataLoaders.from_df(table, text_col="text", label_col="label", bs=8, num_workers=0)
    config = {**awd_lstm_clas_config, "emb_sz": 200, "n_hid": 400, "n_layers": 2}
    learn = text_classifier_learner(dls, AWD_LSTM, config=config, pretrained=False)
    alone = Lock()  # a learner keeps what it works on: one text at a time


@app.post("/predict")
def predict(question: Question):
    with alone, learn.no_bar(), learn.no_logging():
        label, number, scores = learn.predict(question.text)
    return {"label": label, "probability": float(scores[number])}
