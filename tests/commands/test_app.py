"""The command line as a whole: help, examples, values of options, errors, completion."""

import re
import shlex
import subprocess
import sys
from functools import reduce
from operator import or_

import pytest

from aepose.commands.app import COMMANDS, build_app, call
from aepose.commands.eval import Backend
from aepose.errors import AeposeError, UsageError
from aepose.evaluation import BACKENDS
from aepose.release.reproduce import SCALES
from aepose.zoo.index import Scales
from tests.golden_check import ROOT


def functions(commands=None, chain=()):
    for name, found in (commands or reduce(or_, COMMANDS.values())).items():
        if isinstance(found, dict):
            yield from functions(found, (*chain, name))
        else:
            yield " ".join((*chain, name)), found


NAMES = dict(functions())


def helped(name, capsys):
    call([*name.split(), "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example_that_can_be_read(name, capsys):
    text = helped(name, capsys)
    example = NAMES[name].example
    assert example in text
    if not example.startswith('"$('):
        program, *arguments = shlex.split(example)
        assert program == "aepose"
        found, *_ = build_app().parse_args(arguments)
        assert found is NAMES[name]
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize(("name", "defaults"), [
    ("browse", ["train", "16", "outputs/browse", "0"]), ("profile", ["50"]),
    ("toy", ["data/toy", "4000", "400", "0"]), ("analyze", ["coco"]),
    ("ceiling", ["0.0", "0.0"]), ("reproduce", ["*", "data", "work_dirs/reproduce"]),
    ("subset", ["coco"]), ("zoo list", ["*"]), ("zoo docs", ["docs/model_zoo.md"]),
    ("train", []),
])
def test_help_shows_defaults(name, defaults, capsys):
    text = " ".join(helped(name, capsys).replace("│", " ").split())
    assert re.findall(r"\[default: (\S+)\]", text) == defaults


def test_help_lists_all_commands(capsys):
    call(["--help"])
    text = capsys.readouterr().out
    assert all(re.search(rf"│ {name.split()[0]} +\w", text) for name in NAMES)
    call([])
    assert capsys.readouterr().out == text


def test_choices_are_those_of_what_is_called():
    assert Backend.__args__ == BACKENDS
    assert Scales.__args__ == SCALES


@pytest.mark.parametrize(("arguments", "said"), [
    (["trian"], 'Unknown command "trian". Did you mean "train"?'),
    (["train"], "CONFIG requires an argument"),
    (["train", "a", "b"], "Unused Tokens: ['b']"),
    (["train", "a", "--seeed", "3"], "Unknown option: --seeed. Did you mean --seed?"),
    (["train", "a", "--seed", "-1"], "--seed"),
    (["train", "a", "--seed", "4294967296"], "'4294967296' is not a whole number from 0 to 429496"),
    (["train", "a", "--seed", "9" * 5000], "is not a whole number"),
    (["train", "a", "--seed", "1.0"], "'1.0' is not a whole number from 0"),
    (["train", "a", "--seed", "1", "--seed", "2"], "--seed specified multiple times"),
    (["train", "a", "--dry-run=perhaps"], 'unable to convert "perhaps" into bool'),
    (["train", "a", "--no-dry-run"], "Unknown option: --no-dry-run"),
    (["train", "a", "--cfg-options"], "--cfg-options requires at least 1"),
    (["test", "a", "b", "--batch-size", "0"], "'0' is not a whole number from 1"),
    (["test", "a", "b", "--amp", "fp8"], 'Invalid value "fp8" for --amp. Choose from: "bf16"'),
    (["ceiling", "a", "--strides", "4", "4,x"], "--strides: 'x' is not a whole number from 1"),
    (["ceiling", "a", "--input-sizes", "64", "x"], "--input-sizes: 'x' is not a whole number"),
    (["ceiling", "a", "--conventions", "udp", "[]"], 'Invalid value "[]" for --conventions'),
    (["ceiling", "a", "--tag-noise", "-1"], "'-1' is not a finite number from 0"),
    (["predict", "a", "--min-score", "nan"], "'nan' is not a finite number"),
    (["subset", "a", "b", "--count", "-1"], "--count"),
    (["reproduce", "--scales", "both"], "--scales"),
    (["zoo", "lost"], 'Unknown command "lost"'),
    (["--install-completion", "--shell", "tcsh"], "--shell"),
])
def test_a_command_line_that_cannot_be_understood(arguments, said):
    with pytest.raises(UsageError) as error:
        call(arguments)
    text = str(error.value)
    assert said in text
    assert "\n" not in text


@pytest.mark.parametrize(("arguments", "seen"), [
    (["--resume"], True), (["--resume", "a.pth"], "a.pth"), (["--resume=a.pth"], "a.pth"),
    ([], False), (["--resume", "--seed", "3"], True),
])
def test_an_option_with_a_value_or_without(monkeypatch, tiny_config, arguments, seen):
    calls = []
    monkeypatch.setattr("aepose.apis.train.train", lambda *given: calls.append(given))
    call(["train", tiny_config("resume").file, "--work-dir", "w", *arguments])
    assert [given[1:] for given in calls] == [("w", seen)]


@pytest.mark.parametrize("arguments", [
    ["--cfg-options", "test_time.flip=False", "train_cfg.max_epochs=7", "--dry-run"],
    ["--cfg-options", "test_time.flip=False", "--dry-run", "--cfg-options",
     "train_cfg.max_epochs=7"],
])
def test_several_values_after_one_flag(monkeypatch, tiny_config, arguments):
    seen, config = [], tiny_config("options")
    monkeypatch.setattr("aepose.apis.train.dry_run",
                        lambda experiment: seen.append(experiment.to_dict()))
    call(["train", config.file, *arguments])
    assert seen == [config.changed({"test_time.flip": False, "train_cfg.max_epochs": 7}).to_dict()]


def test_what_takes_long_is_not_imported_before_it_is_needed():
    code = ("import sys\nfrom aepose.commands.app import call\n"
            "for line in (['--help'], ['train', '--help'], ['zoo', 'list']): call(line)\n"
            "assert not {'torch', 'mmengine', 'numpy', 'cv2'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(("shell", "place"), [
    ("bash", ".local/share/bash-completion/completions/aepose"),
    ("zsh", ".zsh/completions/_cyclopts_aepose"), ("fish", ".config/fish/completions/aepose.fish"),
])
def test_completion(shell, place, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZSH_CUSTOM", "ZSH"):
        monkeypatch.delenv(variable, raising=False)
    call(["--install-completion", "--shell", shell])
    script = (tmp_path / place).read_text()
    assert f"{tmp_path / place}: written" in capsys.readouterr().out
    for word in ("train", "cfg-options", "bf16", "fetch"):
        assert word in script
    call(["--install-completion", "--shell", shell, "--out", str(tmp_path / "mine")])
    assert (tmp_path / "mine").read_text() == script


@pytest.mark.parametrize("command", [["-m", "aepose"], ["tools/model_zoo.py"]])
def test_a_process(command):
    given = [] if command[0].startswith("tools") else ["zoo"]
    done = subprocess.run([sys.executable, *command, *given, "list", "nothing"], cwd=ROOT,
                          capture_output=True, text=True, env=None)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("error: no model's name fits 'nothing'; `aepose zoo list` shows all\n")


def test_the_last_word_of_a_command_that_is_stopped(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("aepose.experiment.Experiment.load", stop)
    with pytest.raises(KeyboardInterrupt, match="checkpoints already written are whole"):
        call(["train", "a.py"])


def test_a_completion_script_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AeposeError, match="cannot write the completion script"):
        call(["--install-completion", "--shell", "bash", "--out", str(tmp_path / "file" / "a")])


def commands_in(text):
    """The command lines of code blocks, and those in a row of text that leave nothing out."""
    blocks = [block for language, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL)
              if language in ("", "bash")]
    lines = re.sub(r"\s*\\\n\s*", " ", "\n".join(blocks)).splitlines()
    return [line.split(" # ")[0] for line in lines if line.startswith("aepose ")] + [
        code for code in re.findall(r"`(aepose [^`\n]+)`", text) if "…" not in code]


DOCUMENTED = sorted({line for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
                     for line in commands_in(path.read_text())})


@pytest.mark.parametrize("line", DOCUMENTED)
def test_documented_commands(line):
    arguments = shlex.split(line)[1:]
    if len(arguments) == 1 and "-" not in arguments[0]:  # a command's name
        assert arguments[0] in build_app()
    else:
        build_app().parse_args(arguments)


def test_commands_are_documented():
    assert len(DOCUMENTED) > 20
    assert {name.split()[0] for name in NAMES} <= {line.split()[1] for line in DOCUMENTED}
