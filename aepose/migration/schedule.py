"""The training of an old config: optimiser, learning rate, epochs, validation, checkpoints, logs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aepose.migration.sections import Report, Section

_FUSED = ("Adam", "AdamW")
# What stands at the top of an old config, and has nothing to be carried over to.
_NOT_NEEDED = {
    "dist_params": "the backend of several processes is chosen by the machine",
    "find_unused_parameters": "all parameters of these networks are used",
    "gpu_ids": "torchrun, or CUDA_VISIBLE_DEVICES, chooses GPUs",
    "gpus": "torchrun, or CUDA_VISIBLE_DEVICES, chooses GPUs",
    "device": "a GPU is taken where there is one",
    "custom_imports": "modules made for MMPose do not fit; see docs/extending.md for parts of your "
                      "own",
}


def convert_schedule(old: Section) -> dict[str, Any]:
    """Return the sections of a config of ours that only a training reads.

    old: the whole config, whose misfits are those of a training
    """
    loop, epochs = _convert_loop(old)
    rate = old.take("lr_config", None)
    schedulers = [] if rate is None else _convert_rate(old.section("lr_config"), epochs)
    result: dict[str, Any] = {"train_cfg": loop, "optim_wrapper": _convert_optimiser(old)}
    if schedulers:
        result["param_scheduler"] = schedulers
    result["default_hooks"] = _convert_hooks(old, loop)
    return result | _convert_rest(old)


def _convert_loop(old: Section) -> tuple[dict[str, Any], Any]:
    runner = old.section("runner")
    runner.only("type", "EpochBasedRunner", why="training goes by epochs here")
    epochs = runner.take("max_epochs", None)
    common = old.take("total_epochs", None)
    epochs = common if epochs is None else epochs
    runner.close()
    if epochs is None:
        old.misfit("total_epochs", "neither it nor runner.max_epochs is there")
    return {"type": "PoseTrainLoop", "max_epochs": epochs}, epochs


def _convert_optimiser(old: Section) -> dict[str, Any]:
    optimiser = dict(old.section("optimizer").values)
    if not isinstance(optimiser.get("type"), str):
        old.misfit("optimizer", "aepose has one optimiser for all parameters")
        return {}
    if "." in optimiser["type"]:  # the engine would import it
        old.misfit("optimizer.type", "an optimiser of one's own is named in a config of aepose's",
                   optimiser["type"])
        return {}
    wrapper: dict[str, Any] = {"type": "GuardedOptimWrapper"}
    parameters = optimiser.pop("paramwise_cfg", None)
    if optimiser.pop("constructor", "DefaultOptimizerConstructor") != "DefaultOptimizerConstructor":
        old.misfit("optimizer.constructor", "aepose has the engine's own alone")
    wrapper["optimizer"] = optimiser | ({"fused": True} if optimiser["type"] in _FUSED else {})
    if parameters:
        wrapper["paramwise_cfg"] = parameters
    step = old.section("optimizer_config")
    kind = step.take("type", "OptimizerHook")
    if kind not in ("OptimizerHook", "GradientCumulativeOptimizerHook"):
        step.misfit("type", "aepose has no such hook; --amp trains with less precision", kind)
    clip = step.take("grad_clip", None)
    if clip is not None:
        wrapper["clip_grad"] = clip
    if kind == "GradientCumulativeOptimizerHook":
        wrapper["accumulative_counts"] = step.take("cumulative_iters", 1)
    step.close()
    if old.take("fp16", None) is not None:
        old.misfit("fp16", "mixed precision is another one here: write model.backbone_dtype = "
                   "'float16' or train with --amp; the loss scale is found by itself")
    return wrapper


def _convert_rate(rate: Section, epochs: Any) -> list[dict[str, Any]]:
    """Return our schedulers of the learning rate: warm-up, and what follows."""
    policy = rate.text("policy")
    rate.only("by_epoch", True, why="the learning rate changes by epochs here")
    schedulers = _warm_up(rate)
    if policy in _POLICIES:
        described = _POLICIES[policy](rate, epochs)
        schedulers += [{**described, "by_epoch": True}] if described else []
    else:
        rate.misfit("policy", "known are " + ", ".join(_POLICIES), policy)
        return []  # its other options belong to it
    rate.close()
    return schedulers


def _warm_up(rate: Section) -> list[dict[str, Any]]:
    kind, count = rate.take("warmup", None), rate.whole("warmup_iters", 0)
    ratio = rate.take("warmup_ratio", 0.1)
    rate.only("warmup_by_epoch", False, why="write warmup_iters in steps")
    if kind is None:
        return []
    known = {"linear": {"type": "LinearLR", "start_factor": ratio},
             "constant": {"type": "ConstantLR", "factor": ratio}}
    if rate.text("warmup") not in known:
        rate.misfit("warmup", "known are " + ", ".join(known), kind)
        return []
    # The engine's `end` is one past the last step that is changed.
    return [{**known[kind], "begin": 0, "end": count + 1, "by_epoch": False}]


def _step(rate: Section, epochs: Any) -> dict[str, Any]:
    step, gamma = rate.take("step"), rate.take("gamma", 0.1)
    rate.only("min_lr", None, why="steps go on to any rate here")
    if isinstance(step, list):
        return {"type": "MultiStepLR", "milestones": step, "gamma": gamma}
    return {"type": "StepLR", "step_size": step, "gamma": gamma}


def _cosine(rate: Section, epochs: Any) -> dict[str, Any]:
    described = {"type": "CosineAnnealingLR", "T_max": epochs}
    for theirs, ours in (("min_lr", "eta_min"), ("min_lr_ratio", "eta_min_ratio")):
        least = rate.take(theirs, None)
        if least and rate.take("warmup", None):
            # The engine's cosine goes from rate to rate, and mistakes the warm-up's for its own.
            rate.misfit(theirs, "with a warm-up the cosine can only end at 0 here", least)
        if least is not None:
            described[ours] = least
    return described


def _exponential(rate: Section, epochs: Any) -> dict[str, Any]:
    return {"type": "ExponentialLR", "gamma": rate.take("gamma")}


def _fixed(rate: Section, epochs: Any) -> None:
    """Return nothing: the rate stays."""


_POLICIES: dict[str, Callable[[Section, Any], dict[str, Any] | None]] = {
    "step": _step, "fixed": _fixed, "CosineAnnealing": _cosine, "exp": _exponential}


def _convert_hooks(old: Section, loop: dict[str, Any]) -> dict[str, Any]:
    """Return the hooks that log and keep checkpoints; ``loop`` gets when to validate."""
    kept, log = old.section("checkpoint_config", "notes"), old.section("log_config", "notes")
    validation = old.section("evaluation", "notes")
    checkpoint: dict[str, Any] = {
        "type": "PoseCheckpointHook", "interval": kept.take("interval", 1),
        "max_keep_ckpts": kept.take("max_keep_ckpts", -1), "save_last": True}
    if not kept.take("by_epoch", True):
        checkpoint["by_epoch"] = False
    kept.only("save_optimizer", True, why="checkpoints can always be resumed")
    kept.only("save_last", True, why="last.pth is always written")
    kept.unused(("create_symlink", "out_dir"), "last.pth is the newest; --work-dir says where")
    best = validation.take("save_best", validation.take("key_indicator", None))
    if best is not None:
        checkpoint |= {"save_best": "auto" if best == "auto" else f"coco/{best}",
                       "rule": validation.take("rule", None) or "greater"}
    loop["val_interval"] = validation.take("interval", 1)
    if validation.take("start", None) is not None:
        loop["val_begin"] = validation.take("start")
    for metric in validation.several("metric", "mAP"):
        if metric != "mAP":
            validation.misfit("metric", "the metric is average precision here", metric)
    if not validation.take("by_epoch", True):
        old.misfit("evaluation.by_epoch", "validation goes by epochs here", False)
    validation.unused(("res_folder", "gpu_collect"),
                      "results are brought together and written to the work dir anyway")
    interval = log.take("interval", 50)
    for hook in log.sections("hooks") if log.take("hooks", None) else ():
        if hook.text("type") not in ("TextLoggerHook", "TensorboardLoggerHook"):
            hook.unused(hook.values, "text, JSON and TensorBoard are written; others: "
                        "docs/training.md")
    for section in (kept, log, validation):
        section.close()
    return {"logger": {"type": "LoggerHook", "interval": interval}, "checkpoint": checkpoint}


def _convert_rest(old: Section) -> dict[str, Any]:
    report: Report = old.report
    result: dict[str, Any] = {"log_level": old.take("log_level", "INFO")}
    seed, exact = old.take("seed", None), old.take("deterministic", False)
    result["randomness"] = {"seed": 0 if seed is None else seed} | (
        {"deterministic": True} if exact else {})
    for key in ("load_from", "work_dir"):
        if old.take(key, None) is not None:
            result[key] = old.take(key)
    old.only("resume_from", None, why="say it on the command line: aepose train … --resume PATH; "
             "of a checkpoint of MMPose only the weights can be gone on from: load_from")
    if old.take("workflow", [["train", 1]]) != [["train", 1]]:
        report.notes.append(("workflow", "losses are not computed on the validation pictures"))
    env: dict[str, Any] = {"mp_cfg": {
        "mp_start_method": old.take("mp_start_method", "fork"),
        "opencv_num_threads": old.take("opencv_num_threads", 0)}}
    if env["mp_cfg"]["mp_start_method"] == "fork":
        del env["mp_cfg"]["mp_start_method"]
    if old.take("cudnn_benchmark", False):
        env["cudnn_benchmark"] = True
    if old.take("custom_hooks", None):
        old.misfit("custom_hooks", "hooks made for MMPose do not fit; ema = dict() averages "
                   "weights, own hooks: docs/extending.md")
    if old.take("momentum_config", None):
        old.misfit("momentum_config", "the momentum stays as it is here")
    for key, why in _NOT_NEEDED.items():
        default = {"dist_params": {"backend": "nccl"}}.get(key)
        if old.take(key, default) != default:
            report.notes.append((key, why))
    return result | {
        "env_cfg": env,
        "custom_hooks": [{"type": "SaveResultsHook"},
                         {"type": "ValidationPanelHook", "count": 4}],
        "visualizer": {"type": "Visualizer", "vis_backends": [
            {"type": "LocalVisBackend"}, {"type": "TensorboardVisBackend"}]}}
