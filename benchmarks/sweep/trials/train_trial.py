"""One trial of the peer: a process of its own, which HF Trainer trains in.   Called through submitit by peer_sweep.py.

The Trainer is in its best settings for this corpus: batches of similar length, sdpa attention, one thread, no
checkpoints, no logging, and it evaluates at the end only, or where the pruner looks.
"""

import os
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
UPDATES = {"full": 243, "pruned": 243, "cost": 27}  # frozen: three epochs, as run.yaml says
RUNGS = (27, 81)  # of pruned.yaml


def run_file(parameters, folder):
    """run.yaml with the trial's values, and its paths absolute."""
    import yaml

    run = yaml.safe_load((HERE / "run.yaml").read_text())
    run["model"]["from"] = str((HERE / run["model"]["from"]).resolve())
    run["data"]["corpus"] = str((HERE / run["data"]["corpus"]).resolve())
    run["train"].update({name: parameters[name] for name in run["train"] if name in parameters})
    path = pathlib.Path(folder) / "run.yaml"
    path.write_text(yaml.safe_dump(run))
    return path


def pruning_callback(trial, trainer):
    import optuna
    from transformers import TrainerCallback

    class Pruning(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step in RUNGS:
                trial.report(trainer.evaluate()["eval_macro_f1"], state.global_step)
                if trial.should_prune():
                    raise optuna.TrialPruned()

    return Pruning()


def train(parameters, variant, trial, model_folder):
    """Validation macro-F1; the trained model is in `model_folder`."""
    sys.path.insert(0, str(HERE.parents[1] / "peers"))
    import torch

    import hf_recipe

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with tempfile.TemporaryDirectory() as scratch:
        options = dict(eval_strategy="no", save_strategy="no", train_sampling_strategy="group_by_length",
                       per_device_eval_batch_size=32)
        if variant in UPDATES:
            options["max_steps"] = UPDATES[variant]
        dropout = parameters["dropout"]
        trainer, _ = hf_recipe.make_trainer(run_file(parameters, scratch), scratch, 1, model_options=dict(
            hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout), **options)
        if variant == "frozen":
            trainer.model.base_model.requires_grad_(False)
            # Ours counts the pooler to the head. Frozen, it keeps every trial of these at the most frequent class.
            trainer.model.base_model.pooler.requires_grad_(True)
        if trial is not None:
            trainer.add_callback(pruning_callback(trial, trainer))
        trainer.train()
        score = trainer.evaluate()["eval_macro_f1"]
        trainer.save_model(model_folder)
    return score


def trial_process(storage, study_name, trial_id, parameters, variant, model_folder):
    """What submitit runs: the score, or None when the pruner ended it."""
    trial = None
    if variant == "pruned":
        sys.path.insert(0, str(HERE))
        import optuna

        import peer_sweep

        study = peer_sweep.open_study(storage, study_name, 0, True)
        trial = optuna.trial.Trial(study, trial_id)
    try:
        return train(parameters, variant, trial, model_folder)
    except Exception as error:
        if type(error).__name__ == "TrialPruned":
            return None
        raise
