"""Random weights for the models of the make_*_golden.py beside this file."""
import torch


def randomize(model, generator, is_scale):
    """Weights large enough that an error in any part of the model shows; also biases and LayerNorm. is_scale(name): whether
    the parameter multiplies what a norm has made, and so lies around 1."""
    seen = set()
    for name, parameter in model.named_parameters():
        if parameter.data_ptr() in seen:
            continue
        seen.add(parameter.data_ptr())
        noise = torch.empty_like(parameter).normal_(0.0, 0.15, generator=generator)
        with torch.no_grad():
            parameter.copy_(noise + (1.0 if is_scale(name) else 0.0))
