"""Reading an old config without running it: its statements are looked at, none is executed.

Understood is what such files are made of: literals, names assigned before, ``dict()``, entries of
what was assigned, texts with names in them, ``_base_`` and ``{{_base_.name}}``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aepose.errors import ConfigError

# Top-level names that only configs of MMPose 0.x have, and some that only ours have.
_OLD = {"channel_cfg", "checkpoint_config", "data", "data_cfg", "evaluation", "log_config",
        "lr_config", "optimizer", "optimizer_config", "total_epochs"}
_OURS = {"codec", "default_hooks", "optim_wrapper", "param_scheduler", "test_time",
         "train_cfg", "train_dataloader", "val_dataloader", "val_evaluator"}
_DEEPEST = 100  # expressions in each other, and files
_LARGEST = 2**20  # characters of a file
_PREDEFINED = re.compile(r"\{\{\s*(file\w+)\s*\}\}")
_OF_BASE = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")


def is_old_config(path: Path) -> bool:
    """Return whether a config file, with its ``_base_`` files, is one of MMPose 0.x.

    What cannot be parsed is none; whoever reads it next says why.
    """
    try:
        names = _top_names(path)
    except (ConfigError, RecursionError):
        return False
    return bool(names & _OLD) and not names & _OURS


def _top_names(path: Path, depth: int = 0) -> set[str]:
    names: set[str] = set()
    for statement in _parse(path).body:
        if isinstance(statement, ast.Assign):
            found = {target.id for target in statement.targets if isinstance(target, ast.Name)}
            if "_base_" in found and depth < _DEEPEST:
                for base in _base_paths(statement, path):
                    names |= _top_names(base, depth + 1)
            names |= found
    return names - {"_base_"}


def read_plainly(path: Path) -> dict[str, Any]:
    """Return the top-level names of an old config, its ``_base_`` files merged as MMPose does.

    Raises ConfigError that names file and line for what would have to be run (an import, a call, a
    computation), and for what no config of MMPose 0.x may be: two bases with one name, a dict over
    something else, bases in a circle.
    """
    try:
        values = _read(path, ())
        _check_size(values, path)
    except RecursionError:
        raise ConfigError(f"config {path} is nested too deeply to be read") from None
    return values


def _check_size(values: Any, path: Path) -> None:
    """Refuse what is short as a file and endless once written out, by names used again and again.
    """
    left, open_ = _LARGEST, [values]
    while open_:
        value = open_.pop()
        left -= 1
        if left < 0:
            raise ConfigError(f"config {path} has more than {_LARGEST} values")
        if isinstance(value, (dict, list)):
            open_ += value.values() if isinstance(value, dict) else value


def _read(path: Path, users: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in users:
        raise ConfigError(f"config {path} is its own _base_")
    body = _parse(path).body
    base: dict[str, Any] = {}
    for statement in body:
        if isinstance(statement, ast.Assign) and _is_base(statement):
            for file in _base_paths(statement, path):
                values = _read(file, (*users, path.resolve()))
                twice = sorted(base.keys() & values.keys())
                if twice:
                    raise ConfigError(f"config {path}: two _base_ files have '{twice[0]}'")
                base |= values
    own = _Reader(path, base).run(body)
    own.pop("_base_", None)
    return _merged(base, own, path)


def _parse(path: Path) -> ast.Module:
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _LARGEST:
            raise ConfigError(f"config {path} has {len(text)} characters; that is no config")
        return ast.parse(_PREDEFINED.sub(lambda m: _predefined(m[1], path), text))
    except FileNotFoundError:
        raise ConfigError(f"config {path}: a _base_ file is missing: {path}") from None
    except (OSError, ValueError, SyntaxError, MemoryError) as error:
        raise ConfigError(f"config {path} cannot be read: {error}") from None


def _predefined(name: str, path: Path) -> str:
    """Return what MMPose puts for ``{{ fileDirname }}`` and its like."""
    known = {"fileDirname": str(path.parent), "fileBasename": path.name,
             "fileBasenameNoExtension": path.stem, "fileExtname": path.suffix}
    if name not in known:
        raise ConfigError(f"config {path}: {{{{ {name} }}}} means nothing")
    return known[name]


def _is_base(statement: ast.Assign) -> bool:
    return any(isinstance(t, ast.Name) and t.id == "_base_" for t in statement.targets)


def _base_paths(statement: ast.Assign, path: Path) -> list[Path]:
    value = _Reader(path, {}).value(statement.value)
    files = value if isinstance(value, list) else [value]
    if not all(isinstance(file, str) for file in files):
        raise ConfigError(f"config {path}, line {statement.lineno}: _base_ = {value!r}: give a "
                          "file or a list of files")
    return [path.parent / file for file in files]


def _merged(base: Any, own: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return a dict over another: dicts are merged, unless one says ``_delete_``."""
    result = dict(base)
    for key, value in own.items():
        if isinstance(value, dict) and key in result and not value.get("_delete_", False):
            if not isinstance(result[key], dict):
                raise ConfigError(f"config {path}: '{key}' is a dict, and {result[key]!r} in its "
                                  "_base_; MMPose asks for _delete_=True then")
            result[key] = _merged(result[key], value, path)
        else:
            result[key] = _without_delete(value)
    return result


def _without_delete(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_delete(part) for key, part in value.items() if key != "_delete_"}
    return value


class _Reader:
    """The statements of one file; ``base`` are the values of its bases."""

    def __init__(self, path: Path, base: Mapping[str, Any]) -> None:
        self.path, self.base = path, base
        self.names: dict[str, Any] = {}

    def run(self, body: list[ast.stmt]) -> dict[str, Any]:
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a comment as a text
            if not isinstance(statement, ast.Assign):
                raise self._refusal(statement)
            value = self.value(statement.value)
            for target in statement.targets:
                if not isinstance(target, ast.Name):
                    raise self._refusal(statement, "changes a part of something")
                self.names[target.id] = value
        return {key: value for key, value in self.names.items() if not key.startswith("__")}

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression."""
        kinds: dict[type, Callable[[Any], Any]] = {
            ast.Constant: self._constant, ast.Name: self._name, ast.List: self._list,
            ast.Tuple: self._list, ast.Dict: self._dict, ast.Call: self._call,
            ast.Subscript: self._entry, ast.JoinedStr: self._text, ast.UnaryOp: self._sign,
            ast.Set: self._base_value,
        }
        if type(node) not in kinds:
            raise self._refusal(node)
        return kinds[type(node)](node)

    def _constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, str):
            whole = _OF_BASE.fullmatch(node.value)
            if whole:
                return self._of_base(whole[1], node)
            return _OF_BASE.sub(lambda m: str(self._of_base(m[1], node)), node.value)
        if node.value is None or isinstance(node.value, (bool, int, float)):
            return node.value
        raise self._refusal(node, f"has {node.value!r}, which no config takes")

    def _name(self, node: ast.Name) -> Any:
        if node.id not in self.names:
            raise self._refusal(node, f"uses '{node.id}', which is not assigned above")
        return self.names[node.id]

    def _list(self, node: ast.List | ast.Tuple) -> list:
        return [self.value(part) for part in node.elts]

    def _dict(self, node: ast.Dict) -> dict:
        result: dict = {}
        for key, part in zip(node.keys, node.values, strict=True):
            value = self.value(part)
            if key is None:
                result |= self._spread(part, value)
            else:
                result[self._key(key)] = value
        return result

    def _key(self, node: ast.expr) -> str | int:
        key = self.value(node)
        if not isinstance(key, (str, int)):
            raise self._refusal(node, f"has the key {key!r}")
        return key

    def _spread(self, node: ast.expr, value: Any) -> dict:
        if not isinstance(value, dict):
            raise self._refusal(node, f"has ** before {type(value).__name__}")
        return value

    def _call(self, node: ast.Call) -> dict:
        if not (isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args
                and "dict" not in self.names):
            raise self._refusal(node)
        result: dict = {}
        for keyword in node.keywords:
            value = self.value(keyword.value)
            result |= ({keyword.arg: value} if keyword.arg else
                       self._spread(keyword.value, value))
        return result

    def _entry(self, node: ast.Subscript) -> Any:
        value, key = self.value(node.value), self.value(node.slice)
        try:
            return value[key]
        except (KeyError, IndexError, TypeError):
            raise self._refusal(node, f"asks for an entry {key!r} that is not there") from None

    def _text(self, node: ast.JoinedStr) -> str:
        texts = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.value(part.value)
                if part.format_spec or part.conversion != -1 or not isinstance(value, (str, int)):
                    raise self._refusal(node, "formats a text")
                texts.append(str(value))
            else:
                texts.append(self._constant(part))
        text = "".join(texts)
        if len(text) > _LARGEST:
            raise self._refusal(node, "makes a text of endless length")
        return text

    def _sign(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, (int, float)):
            return -value
        raise self._refusal(node)

    def _base_value(self, node: ast.Set) -> Any:
        """Return what ``{{_base_.name}}`` means: to Python, a set in a set."""
        text = ast.unparse(node)
        match = _OF_BASE.fullmatch(text)
        if match is None:
            raise self._refusal(node, f"has the set {text}")
        return self._of_base(match[1], node)

    def _of_base(self, name: str, node: ast.expr) -> Any:
        value: Any = self.base
        for part in name.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise self._refusal(node, f"asks for {name} of its _base_, which has none")
            value = value[part]
        return value

    def _refusal(self, node: ast.AST, does: str | None = None) -> ConfigError:
        """Return the error for a statement or expression that is not read."""
        trust = ("" if does else "; an old config is read without running it: write the value "
                 "there, or, if you trust the file, convert it once by `aepose convert-config "
                 f"{self.path} --trust`")
        text = ast.unparse(node).split("\n")[0]
        text = text if len(text) <= 60 else f"{text[:60]}…"
        return ConfigError(f"config {self.path}, line {getattr(node, 'lineno', '?')}: "
                           f"it {does or _deed(node)} ({text}){trust}")


def _deed(node: ast.AST) -> str:
    """Say in words what code does."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return "imports"
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return "defines code"
    call = node.value if isinstance(node, ast.Expr) else node
    if isinstance(call, ast.Call):
        return "calls " + ast.unparse(call.func)[:40]
    return "computes"
