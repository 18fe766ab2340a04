"""An installed package carries what the pages' notebooks read."""

import json

from bookkit.records import experiments


def test_a_record_is_read_from_the_checkout_or_else_from_the_package(monkeypatch, tmp_path):
    checkout, installed = tmp_path / "book" / "records", tmp_path / "installed"
    installed.mkdir()
    (installed / "x.json").write_text(json.dumps({"from": "package"}))
    monkeypatch.setattr(experiments, "_RECORDS", checkout)
    monkeypatch.setattr(experiments, "_INSTALLED", installed)
    assert experiments._stored("x.json") == installed / "x.json"
    assert experiments._stored("missing.json") == checkout / "missing.json"
    checkout.mkdir(parents=True)
    (checkout / "x.json").write_text("{}")
    assert experiments._stored("x.json") == checkout / "x.json"
