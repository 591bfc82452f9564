#!/usr/bin/env python3
"""The service that one would write in Python, to compare with: FastAPI, uvicorn and XGBoost's own package.

    pip install fastapi 'uvicorn[standard]' xgboost numpy
    python deploy/fastapi_service.py --models models --port 8002

It scores a row of features with the artifact's XGBoost member: POST /v1/score/features takes the same body as the worker,
{"features": {name: number or null, ...}}, every name required and no other allowed, and answers the member's probability
and its priority.
"""

import argparse
import json
import math
import pathlib

import numpy
import uvicorn
import xgboost
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, create_model


def service(models: pathlib.Path) -> FastAPI:
    artifact = models / "current" if (models / "current").exists() else models
    manifest = json.loads((artifact / "manifest.json").read_text())
    names = manifest["features"]
    weights = manifest["weights"]["xgboost"]
    intercept, slope = weights["intercept"], weights["xgboost"]
    booster = xgboost.Booster(model_file=str(artifact / "xgboost.ubj"))
    # One thread a row: more of them only wait for one another.
    booster.set_param({"nthread": 1})

    strict = ConfigDict(extra="forbid")
    Features = create_model("Features", __config__=strict, **{name: (float | None, ...) for name in names})

    class Body(BaseModel):
        model_config = strict
        features: Features

    class Score(BaseModel):
        purchase_probability: float
        priority: str
        model_version: str

    app = FastAPI()

    @app.post("/v1/score/features")
    def score(body: Body) -> Score:
        return answer(body)

    # An async function spares the change to a thread of the pool, which takes longer than the scoring.
    @app.post("/v1/score/features/async")
    async def score_async(body: Body) -> Score:
        return answer(body)

    def answer(body):
        given = body.features.__dict__
        row = numpy.array([[math.nan if given[n] is None else given[n] for n in names]], dtype=numpy.float32)
        margin = float(booster.inplace_predict(row, predict_type="margin", validate_features=False)[0])
        probability = 1 / (1 + math.exp(-(intercept + slope * margin)))
        priority = "high" if probability >= 0.7 else "medium" if probability >= 0.4 else "low"
        return Score(purchase_probability=probability, priority=priority, model_version=manifest["version"])

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path("models"))
    parser.add_argument("--port", type=int, default=8002)
    options = parser.parse_args()
    uvicorn.run(
        service(options.models), host="127.0.0.1", port=options.port, log_level="warning", access_log=False, loop="uvloop",
        http="httptools")
