"""What is relied on of the engine that is not its public interface.

mmengine 0.11.0rc3 behaves as these tests say. Where a later version does not, the module named
beside the test has to follow.
"""

import ast
import inspect
from pathlib import Path

import mmengine
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper, _ParamScheduler
from mmengine.runner import EpochBasedTrainLoop, Runner

PACKAGE = Path(__file__).parents[2] / "aepose"
# Private name of the engine -> modules that use it.
USED = {
    "_epoch": {"train_loop.py"},
    "_get_cfg_path": {"config.py"},
    "_iter": {"train_loop.py"},
    "_save_best_checkpoint": {"checkpoint_hook.py"},
    "_save_checkpoint": {"checkpoint_hook.py"},
    "_save_checkpoint_with_step": {"checkpoint_hook.py"},
    "_ParamScheduler": {"resume.py"},
}


def private(name):
    return name.startswith("_") and not name.startswith("__")


def names_of(cls):
    """The private names that the source of a class assigns or defines, its bases included."""
    names = set()
    for base in inspect.getmro(cls)[:-1]:
        for node in ast.walk(ast.parse(inspect.getsource(base).lstrip())):
            if isinstance(node, ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
    return set(filter(private, names))


def test_no_other_private_names_are_used():
    """Of the engine's classes that ours derive from or are handed."""
    engines = set().union(*map(names_of, (CheckpointHook, OptimWrapper, EpochBasedTrainLoop,
                                          Runner, Config)))
    found = {}
    for path in sorted([*(PACKAGE / "engine").glob("*.py"), PACKAGE / "experiment" / "config.py"]):
        own = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mmengine"):
                own |= {alias.name for alias in node.names if private(alias.name)}
            elif isinstance(node, (ast.Attribute, ast.FunctionDef)):
                name = node.attr if isinstance(node, ast.Attribute) else node.name
                own |= {name} & engines
        for name in own:
            found.setdefault(name, set()).add(path.name)
    assert found == USED


def test_a_loop_keeps_its_place_in_two_attributes():
    """train_loop.py writes them; the engine reads and, on resuming, writes them, too."""
    assert "return self._epoch" in inspect.getsource(EpochBasedTrainLoop.epoch.fget)
    assert "return self._iter" in inspect.getsource(EpochBasedTrainLoop.iter.fget)
    resume = inspect.getsource(Runner.resume)
    assert "self.train_loop._epoch = checkpoint['meta']['epoch']" in resume
    assert "self.train_loop._iter = checkpoint['meta']['iter']" in resume


def test_every_checkpoint_is_written_through_the_methods_that_are_replaced():
    """checkpoint_hook.py replaces the last two."""
    assert "self._save_checkpoint_with_step(runner, step, meta=meta)" in inspect.getsource(
        CheckpointHook._save_checkpoint)
    best = inspect.getsource(CheckpointHook._save_best_checkpoint)
    assert "runner.save_checkpoint(" in best
    assert "self.key_indicators" in best
    assert list(inspect.signature(CheckpointHook._save_best_checkpoint).parameters) == [
        "self", "runner", "metrics"]
    for event in ("after_train_epoch", "after_val_epoch"):
        assert "_save_" in inspect.getsource(getattr(CheckpointHook, event))


def test_a_step_counts_batches_as_it_is_told():
    """guard.py tells the number of batches of each epoch through a public method."""
    source = inspect.getsource(OptimWrapper.initialize_count_status)
    assert "self._inner_count = init_counts" in source
    assert "self._max_counts = max_counts" in source


def test_a_base_is_found_through_the_function_that_is_replaced():
    """experiment/config.py replaces it while a config is read."""
    assert "Config._get_cfg_path(" in inspect.getsource(Config._file2dict)
    assert list(inspect.signature(Config._get_cfg_path).parameters) == ["cfg_path", "filename"]


def test_schedulers_have_a_base():
    """resume.py names it in annotations."""
    assert issubclass(mmengine.optim.LinearLR, _ParamScheduler)
