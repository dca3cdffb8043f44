"""The model zoo for reading."""

import pytest

from aepose.commands.app import call
from aepose.errors import ConfigError
from aepose.release.zoo_tables import format_list, zoo_page
from aepose.zoo.index import ModelEntry, list_models
from tests.golden_check import ROOT

PAGE = ROOT / "docs" / "model_zoo.md"


def test_the_page_is_up_to_date(tmp_path):
    call(["zoo", "docs", "--out", str(tmp_path / "a.md")])
    assert (tmp_path / "a.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8"), (
        "run `aepose zoo docs`")


def test_the_page_has_every_model_and_its_links_lead_somewhere():
    page = zoo_page()
    for model in list_models():
        assert f"[{model.name}](../{model.config})" in page
        assert (ROOT / model.config).is_file()
        assert model.url is None or f"[{model.checkpoint}]({model.url})" in page
    for path in (ROOT / "configs").glob("*/swahr_*.py"):
        assert page.count(f"[{path.stem}](../{path.relative_to(ROOT)})") == 2
    assert page.count("| multi ") == sum("multi-scale" in m.published for m in list_models())


def test_measured_numbers_have_their_own_columns(monkeypatch):
    model = ModelEntry("a", "mhp", 512, 10**6, 10, published={"single-scale": {"AP": 0.5}},
                       measured={"multi-scale": {"AP": 0.25}})
    monkeypatch.setattr("aepose.release.zoo_tables.list_models", lambda: [model])
    header, _, single, multi = [
        [cell.strip() for cell in line.split("|")]
        for line in zoo_page().split("## SWAHR")[0].splitlines() if line.startswith("|")]
    assert dict(zip(header, single, strict=True))["AP"] == "0.500"
    assert dict(zip(header, single, strict=True))["measured AP"] == ""
    assert dict(zip(header, multi, strict=True))["AP"] == "-"
    assert dict(zip(header, multi, strict=True))["measured AP"] == "0.250"


def test_list(capsys):
    call(["zoo", "list", "hourglass"])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert [cell.strip() for cell in printed[2].split("|")[1:-1]] == [
        "hourglass_ae_coco_512x512", "coco", "512", "0.613", "0.667", "138.86 M", "221.2",
        "hourglass_ae_coco_512x512-90af499f_20210920.pth"]
    assert len({len(line) for line in format_list(list_models()).splitlines()}) == 1


@pytest.mark.parametrize("command", ["list", "fetch"])
def test_a_pattern_that_fits_nothing(command):
    with pytest.raises(ConfigError, match="'nothing'"):
        call(["zoo", command, "nothing"])


def test_fetch(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("aepose.zoo.hub.fetch", lambda file: asked.append(file) or tmp_path / file)
    call(["zoo", "fetch", "*_mhp_*"])
    assert asked == ["hrnet_w48_mhp_512x512-85a6ab6f_20201229.pth"]
    assert str(tmp_path / asked[0]) in capsys.readouterr().out
