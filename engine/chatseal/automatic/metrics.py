"""Metrics: what is known of the jobs, as a file for Prometheus' node_exporter, written whole or not at all.

The format is Prometheus' text format 0.0.4; names of jobs are of letters that need no escape."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chatseal import part_file
from chatseal.automatic import state
from chatseal.automatic.state import JobState

if TYPE_CHECKING:
    from chatseal.automatic.plan import Plan

FOR_ALL = 0o644  # node_exporter is another user
_GAUGES: dict[str, tuple[str, Callable[[JobState], float]]] = {  # name: (what it is, from what)
    "chatseal_backup_last_success_timestamp_seconds": ("When the last backup that went well began.", lambda job: job.backup),
    "chatseal_backup_last_size_bytes": ("Bytes of content in the last snapshot.", lambda job: job.size),
    "chatseal_backup_last_added_bytes": ("Bytes that the store got for it.", lambda job: job.added),
    "chatseal_backup_last_duration_seconds": ("How long it took.", lambda job: job.milliseconds / 1000),
    "chatseal_backup_last_left_out": ("Names that could not be read, and are not in it.", lambda job: job.skipped),
    "chatseal_prune_last_success_timestamp_seconds": ("When the last prune that went well began.", lambda job: job.prune),
    "chatseal_drill_last_success_timestamp_seconds": ("When it was last proven that a snapshot comes back.", lambda job: job.drill),
    "chatseal_run_last_timestamp_seconds": ("When the job was last tried.", lambda job: job.ran),
    "chatseal_run_last_exit_code": ("How that ended; 0 is well.", lambda job: job.exit_code),
    "chatseal_failures": ("Steps whose last try failed.", lambda job: len(job.failures)),
}


def text(jobs: Mapping[str, JobState]) -> str:
    """The file for *jobs*."""
    lines = []
    for name, (what, value) in _GAUGES.items():
        lines += [f"# HELP {name} {what}", f"# TYPE {name} gauge"]
        lines += [f'{name}{{job="{job}"}} {value(known)}' for job, known in jobs.items()]
    return "".join(line + "\n" for line in lines)


def write(plan: "Plan", known: dict[str, JobState]) -> list[str]:
    """Write the file, if the plan has one; what went wrong: that stops no backup."""
    if not plan.textfile:
        return []
    jobs = {job.name: state.of(known, job.name, job.store) for job in plan.jobs}
    try:
        part_file.write_whole(Path(plan.textfile), text(jobs).encode(), mode=FOR_ALL, overwrite=True)
    except OSError as error:
        return [f"{plan.textfile} was not written: {(error.strerror or type(error).__name__).lower()}"]
    return []
