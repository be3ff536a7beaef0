"""Where a worker ends, its file fails, and the others go on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

import atlasae
from atlasae.campaign.compressing import CompressWork
from atlasae.campaign.dask_runner import DaskWorkers
from atlasae.campaign.processes import Processes
from atlasae.campaign.running import Campaign
from atlasae.campaign.sources import find_tasks
from atlasae.campaign.work import Task
from atlasae.root.compressing.job import Job
from tests.campaign.jobs import KillFirst, Write
from tests.helpers import REPOSITORY


@pytest.fixture
def tasks(tmp_path):
    return [Task(name, str(tmp_path / name)) for name in ("a", "b", "c", "d")]


def test_a_killed_process_fails_its_file_alone(tasks, tmp_path):
    outcomes = {one.source: one for one in Processes(2).run(Write(kills="b"), tasks)}
    assert {one.status for name, one in outcomes.items() if name != "b"} == {"written"}
    assert outcomes["b"].status == "failed"
    assert "was killed by SIGKILL" in outcomes["b"].message
    assert "fewer --jobs" in outcomes["b"].message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "d"]


def test_stopped_processes_leave_nothing_unfinished(tasks, tmp_path):
    outcomes = Processes(2).run(Write(waits="a"), tasks)
    assert next(outcomes).source == "b"
    while not list(tmp_path.glob(".a*")):  # which is being written
        time.sleep(0.01)
    outcomes.close()
    assert not list(tmp_path.glob(".*"))
    assert not (tmp_path / "a").exists()


def test_a_process_that_cannot_start_says_what_a_script_needs(tasks, monkeypatch):
    module = ModuleType("of_this_process_alone")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.Work = type("Work", (Write,), {"__module__": module.__name__})
    with pytest.raises(atlasae.InputError, match="if __name__ == '__main__':"):
        list(Processes(1).run(module.Work(), tasks))


UNGUARDED = """
from atlasae.campaign.running import runner_for
from atlasae.campaign.work import Task
from tests.campaign.jobs import Write

work = Write(waits="more than a pipe holds" * 10_000)
print(list(runner_for(2, None, 2).run(work, [Task("a", "a"), Task("b", "b")])))
"""


def test_a_script_that_each_process_would_run_again_ends_at_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("Traceback") == 1
    assert "inside if __name__ == '__main__':" in done.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


@pytest.fixture(params=["local", "tcp"])
def dask(request):
    """Two workers of Dask: its own, or those of a scheduler."""
    distributed = pytest.importorskip("distributed")
    if request.param == "local":
        yield DaskWorkers("local", 2)
        return
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield DaskWorkers(cluster.scheduler_address, 0)


@pytest.mark.slow
def test_dask_goes_on_where_a_worker_is_killed(
    dask, farm, farm_codecs, small_farm, tmp_path, caplog
):
    out = tmp_path / "out"
    out.mkdir()
    tasks = find_tasks(farm, out, below=None)
    job = Job.checked(str(farm_codecs), None, "all", "same", False, "100 MB", 1, False)
    work = CompressWork(job, verify=False, force=False, allow_larger=False)
    campaign = Campaign("compress", tasks, dask, None, progress=False)
    summary = campaign.run(KillFirst(work, str(tmp_path / "killed")))
    assert (tmp_path / "killed").exists()
    assert summary.counts == {"written": 3}
    assert "dashboard of Dask: http://127.0.0.1:" in caplog.text
    for task in tasks:
        same = small_farm / Path(task.target).relative_to(out)
        assert Path(task.target).read_bytes() == same.read_bytes()
    assert not list(out.rglob(".*"))


def test_no_scheduler_is_one_line(farm, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")

    def refuse(address):
        raise OSError(f"Timed out trying to connect to {address}")

    monkeypatch.setattr(distributed, "Client", refuse)
    with pytest.raises(atlasae.FileError, match="no scheduler of Dask with workers at 'tcp"):
        atlasae.check_files(farm, tmp_path, dask="tcp://127.0.0.1:9")
