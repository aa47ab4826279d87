"""`python -m benchmarks`: every benchmark by default, a clear word for one that is not there."""

import subprocess

import pytest

from benchmarks import __main__ as benchmarks


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that were run, without the interpreter; replay fails."""
    commands: list[list[str]] = []

    def run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
        commands.append(command[2:])
        is_bad = command[-1].endswith("replay")
        return subprocess.CompletedProcess(command, 1 if is_bad else 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_every_benchmark_is_run_by_default(ran: list[list[str]]) -> None:
    assert benchmarks.main([]) == 1
    assert ["benchmarks.bench_ingest"] in ran
    assert ["benchmarks.bench_replay"] in ran


@pytest.mark.parametrize("is_installed", [True, False])
def test_what_stores_runs_on_a_server_as_well_where_there_is_one(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    monkeypatch.setattr(benchmarks, "is_installed", lambda: is_installed)
    assert benchmarks.main(["ingest", "signals"]) == 0
    assert ran[:2] == [["benchmarks.bench_ingest"], ["benchmarks.bench_signals"]]
    assert [command[0] for command in ran[2:]] == ["tests.postgres_server"] * is_installed
    assert all("benchmarks.bench_ingest" in command for command in ran[2:])


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        benchmarks.main(["everything"])
    assert ended.value.code == 2
    assert "no benchmark is called everything" in capsys.readouterr().err
