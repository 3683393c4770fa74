"""./dev bench keeps what it has measured, judges it by the design's targets,
and its floor reads what slipway reads."""

import pathlib
import subprocess
import sys
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import report  # noqa: E402
import run  # noqa: E402
from fleets import COLD, FLEETS, NOTHING, PIN  # noqa: E402
from wheel_maker import make_wheel  # noqa: E402

COST = {"wall_s": 0.05, "cpu_s": 0.04, "peak_bytes": 1 << 20,
        "written_bytes": 0, "load": 0.5}


@pytest.fixture
def results(slipway, tmp_path, monkeypatch):
    """results(**ARGUMENTS) opens the file of an earlier run again."""
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(run, "BUILD", slipway.parent)
    return lambda **words: run.Results(types.SimpleNamespace(**words))


def add(results, side, row):
    results.add("8", side, row, COST, 1, "1.0")


def test_what_a_cut_off_run_measured_is_kept(results):
    first = results(runs=3)
    add(first, "slipway", COLD)
    again = results(runs=3)
    assert again.resumed and len(again.runs("8", "slipway", COLD)) == 1
    assert not results(runs=5).resumed


def test_other_sides_and_rows_stay(results):
    first = results(runs=3)
    for side in ("slipway", "floor"):
        add(first, side, COLD)
    add(first, "slipway", NOTHING)
    first.finish()
    again = results(runs=3)
    assert not again.resumed
    again.drop("8", "slipway", [COLD])
    assert again.runs("8", "slipway", COLD) == []
    assert len(again.runs("8", "slipway", NOTHING)) == 1
    assert len(again.runs("8", "floor", COLD)) == 1


def test_figures_of_another_machine_go(results, monkeypatch):
    add(results(runs=3), "slipway", COLD)
    monkeypatch.setattr(run, "machine", lambda: {"cpu": "another"})
    assert results(runs=3).runs("8", "slipway", COLD) == []


def cell(wall_s):
    return {"runs": [{**COST, "wall_s": wall_s}], "disk_bytes": 1,
            "version": "1.0"}


def test_targets_are_judged(tmp_path):
    sides = {"slipway": {COLD: cell(20), NOTHING: cell(0.11), PIN: cell(1.9)},
             "BuildKit with pip and gzip": {COLD: cell(399)}}
    verdicts = {what: met for what, _, text, met in
                report.targets("8", report.Figures(sides)) if text}
    assert verdicts["cold, against BuildKit with pip and gzip"] is False
    assert verdicts[NOTHING] is False and verdicts[PIN] is True
    (tmp_path / "docs").mkdir()
    (tmp_path / "bench").mkdir()
    report.write({"machine": run.machine(), "fleets": {"8": sides}},
                 tmp_path / "bench")
    assert "missed" in (tmp_path / "bench" / "results.md").read_text()
    assert "399" in (tmp_path / "docs" / "bench.svg").read_text()


@pytest.mark.parametrize("name", FLEETS)
def test_every_variant_is_another_manifest(name):
    texts = FLEETS[name].variants()
    assert len(set(texts.values())) == len(texts) == 7


def test_the_floor_reads_wheels_and_refuses_damaged_ones(slipway, tmp_path):
    wheel = make_wheel(tmp_path, "demo", files={"demo.py": "A = 1\n" * 9000})
    floor = slipway.parent / "bench" / "floor"
    done = subprocess.run([floor, wheel], text=True, capture_output=True)
    assert done.returncode == 0 and done.stdout.startswith("1 wheels, ")
    body = bytearray(wheel.read_bytes())
    body[60] ^= 1
    wheel.write_bytes(body)
    done = subprocess.run([floor, wheel], text=True, capture_output=True)
    assert done.returncode == 1 and wheel.name in done.stderr
