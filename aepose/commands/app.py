"""The command line: which commands there are, and how one is read and run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from inspect import cleandoc
from typing import Any

from cyclopts import App, CycloptsError, Group, Parameter

from aepose.commands.analyze import analyze
from aepose.commands.browse import browse
from aepose.commands.ceiling import ceiling
from aepose.commands.completion import install_completion
from aepose.commands.convert import convert
from aepose.commands.convert_config import convert_config
from aepose.commands.doctor import doctor
from aepose.commands.eval import evaluate
from aepose.commands.export import export
from aepose.commands.identities import identities
from aepose.commands.info import info
from aepose.commands.new import new
from aepose.commands.old_options import check_old_options
from aepose.commands.predict import predict
from aepose.commands.process import run
from aepose.commands.profile import profile
from aepose.commands.publish import publish
from aepose.commands.reproduce import reproduce
from aepose.commands.rescore import apply as rescore_apply
from aepose.commands.rescore import train as rescore_train
from aepose.commands.scripts import scripts
from aepose.commands.sigmas import sigmas
from aepose.commands.subset import subset
from aepose.commands.test import run_test
from aepose.commands.toy import toy
from aepose.commands.train import train
from aepose.commands.verify import verify
from aepose.commands.zoo import docs, fetch, list_
from aepose.errors import UsageError
from aepose.version import __version__

COMMANDS = {
    "Start": {"new": new, "sigmas": sigmas, "doctor": doctor, "toy": toy,
              "zoo": {"list": list_, "fetch": fetch, "docs": docs}},
    "Find people": {"predict": predict, "verify": verify, "identities": identities},
    "Train and test": {"browse": browse, "train": train, "test": run_test, "eval": evaluate,
                       "rescore": {"train": rescore_train, "apply": rescore_apply},
                       "scripts": scripts, "convert-config": convert_config},
    "Explain": {"analyze": analyze, "ceiling": ceiling, "profile": profile, "info": info,
                "reproduce": reproduce},
    "Hand out": {"export": export, "publish": publish, "subset": subset, "convert": convert},
}
"""Headings of the help -> the commands below them."""
_PARTS = {"zoo": "Show the published models, and fetch their checkpoints.",
          "rescore": "Learn better scores of people from results and annotations."}


def _shown(default: object) -> str | None:
    """Return a default for the help; what is off or not given is no news."""
    return None if default is None or default is False else str(default)


def _add(app: App, commands: Mapping[str, Any], group: Group | None = None) -> None:
    """Add commands, and those that have commands below them, in the order given."""
    for number, (name, found) in enumerate(commands.items()):
        about = {"name": name, "sort_key": number, **({"group": group} if group else {})}
        if isinstance(found, Mapping):
            below = App(help=_PARTS[name], **about)
            _add(below, found)
            app.command(below)
        else:
            paragraphs = cleandoc(found.__doc__).split("\n\n")
            app.command(found, help="\n\n".join(" ".join(text.split()) for text in paragraphs),
                        help_epilogue=f"Example:\n\n    {found.example}", **about)


def build_app() -> App:
    """Return the command line with all its commands."""
    app = App(name="aepose", version=__version__, help_format="plaintext",
              help="Bottom-up pose estimation with Associative Embedding.",
              help_epilogue="`aepose COMMAND --help` explains a command and shows an example.",
              default_parameter=Parameter(negative=(), show_default=_shown, json_list=False,
                                          json_dict=False),
              suppress_keyboard_interrupt=False, result_action="return_value",
              print_error=False, exit_on_error=False)
    for number, (title, commands) in enumerate(COMMANDS.items()):
        _add(app, commands, Group(title, sort_key=number))
    options = Group("Options", sort_key=len(COMMANDS))
    app["--help"].group = app["--version"].group = options
    install = partial(install_completion, app)
    app.command(install, name="--install-completion", help=install_completion.__doc__,
                group=options)
    return app


def call(arguments: Sequence[str]) -> int | None:
    """Run a command line, such as ``['zoo', 'list']``; return its exit status, None for 0.

    Raises UsageError, in one line, if it cannot be understood, and what its command raises.
    """
    for argument in arguments:
        _check_text(argument)
    check_old_options(arguments)
    app = build_app()
    try:
        return app(list(arguments))
    except CycloptsError as error:
        chain = " ".join(("aepose", *(error.command_chain or ())))
        text = " ".join(str(error).split()).removesuffix(".")
        raise UsageError(f"{text}; see `{chain} --help`") from None


def _check_text(argument: str) -> None:
    if not argument:
        raise UsageError("an argument is empty; is a variable of the shell not set?")
    try:
        argument.encode()
    except UnicodeEncodeError:
        raise UsageError(f"the argument {argument!r} is not UTF-8") from None


def main(*command: str) -> None:
    """Run the command line of this process; ``command`` stands before what the user typed."""
    run(lambda: call([*command, *sys.argv[1:]]))
