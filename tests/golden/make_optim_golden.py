"""Writes optim.json: learning-rate factors from transformers, and trajectories of torch.optim's AdamW and SGD.

Run with a Python that has torch and transformers:  python make_optim_golden.py [optim.json]
"""
import json
import pathlib
import sys

import torch
import transformers
from transformers import get_scheduler


def schedule(kind, warmup, total):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    name = "constant_with_warmup" if kind == "constant" else kind
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    factors = []
    for _ in range(total + 2):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return {"type": kind, "warmup_steps": warmup, "total_steps": total, "factors": factors}


def trajectory(name, make, decouple, settings):
    generator = torch.Generator().manual_seed(7)
    shapes = {"dense.weight": [7, 11], "dense.bias": [37]}
    start = {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    parameters = {key: torch.nn.Parameter(value.clone()) for key, value in start.items()}
    optimizer = make(parameters, settings)
    steps = []
    for index in range(8):
        learning_rate = settings["learning_rate"] * (1 - index / 10)
        gradients = {key: torch.randn(value.shape, generator=generator) for key, value in parameters.items()}
        norm = torch.nn.utils.get_total_norm(list(gradients.values())).item()
        for key, parameter in parameters.items():
            parameter.grad = gradients[key].clone()
        clipped_to = settings["max_grad_norm"]
        if clipped_to:
            torch.nn.utils.clip_grad_norm_(parameters.values(), clipped_to)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        if decouple:
            with torch.no_grad():
                parameters["dense.weight"].mul_(1 - learning_rate * settings["weight_decay"])
        optimizer.step()
        steps.append({"learning_rate": learning_rate, "norm": norm,
                      "gradients": {key: value.flatten().tolist() for key, value in gradients.items()},
                      "after": {key: value.detach().flatten().tolist() for key, value in parameters.items()}})
    return {"optim": name, "settings": settings, "shapes": shapes,
            "start": {key: value.flatten().tolist() for key, value in start.items()}, "steps": steps}


def adamw(parameters, settings):
    return torch.optim.AdamW(
        [{"params": [parameters["dense.weight"]], "weight_decay": settings["weight_decay"]},
         {"params": [parameters["dense.bias"]], "weight_decay": 0.0}],
        betas=(settings["adam_beta1"], settings["adam_beta2"]), eps=settings["adam_epsilon"], foreach=False)


def sgd(parameters, settings):
    return torch.optim.SGD(parameters.values(), lr=settings["learning_rate"], momentum=settings["momentum"])


def main():
    default = {"learning_rate": 0.01, "weight_decay": 0.1, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8,
               "momentum": 0.0, "max_grad_norm": 0.0}
    golden = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "schedules": [schedule(kind, warmup, total) for kind in ("linear", "cosine", "constant")
                      for warmup, total in ((0, 10), (3, 17), (10, 10), (1, 1))],
        "trajectories": [
            trajectory("adamw", adamw, False, default),
            trajectory("adamw", adamw, False, {**default, "adam_beta1": 0.8, "adam_epsilon": 1e-6, "max_grad_norm": 1.0}),
            trajectory("sgd", sgd, True, {**default, "weight_decay": 0.0}),
            trajectory("sgd", sgd, True, {**default, "momentum": 0.9, "max_grad_norm": 5.0}),
        ],
    }
    path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("optim.json"))
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
