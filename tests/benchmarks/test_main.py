"""`python -m benchmarks`: every benchmark by default, a clear word for one that is not there."""

import subprocess

import pytest

from benchmarks.__main__ import main


def test_every_benchmark_is_run_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
        ran.append(command[-1])
        return subprocess.CompletedProcess(command, 1 if command[-1].endswith("replay") else 0)

    monkeypatch.setattr(subprocess, "run", run)
    assert main([]) == 1
    assert {"benchmarks.bench_ingest", "benchmarks.bench_replay"} <= set(ran)
    ran.clear()
    assert main(["ingest"]) == 0
    assert ran == ["benchmarks.bench_ingest"]


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["everything"])
    assert ended.value.code == 2
    assert "no benchmark is called everything" in capsys.readouterr().err
