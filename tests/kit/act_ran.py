"""What a run of a workflow was, from the lines of JSON that act prints."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Job", "Ran", "Step"]

_UNKNOWN_RUNNER = "Skipping unsupported platform"


@dataclass(slots=True, kw_only=True)
class Step:
    """A step of a job.

    Attributes:
        name: as the workflow has it, or what it runs.
        result: `success`, `failure`, `skipped`, or nothing where it did not end.
        output: what it printed.
        outputs: what it set, also in the steps of an action.
        annotations: the level, the properties and the text of what it said of files.
        summary: what it wrote for the page of the run, in Markdown.
    """

    name: str
    result: str = ""
    output: str = ""
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    annotations: list[tuple[str, dict[str, str], str]] = field(default_factory=list[Any])
    summary: str = ""


@dataclass(slots=True, kw_only=True)
class Job:
    """A job that ran.

    Attributes:
        result: `success` or `failure`, or nothing where it did not end.
        steps: that ran, by their id, or their place where they have none.
    """

    result: str = ""
    steps: dict[str, Step] = field(default_factory=dict[str, Step])

    def step(self, name: str) -> Step:
        """The step of this name."""
        (found,) = [step for step in self.steps.values() if step.name == name]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a run went.

    Attributes:
        exit_code: act's.
        jobs: that ran, by their id, with the caller's before it for those of a called workflow:
            `release/sign`.
        folder: what GitHub would keep of the run: `artifacts`, `sarif`.
        printed: all that act printed.
    """

    exit_code: int
    jobs: dict[str, Job]
    folder: Path
    printed: str

    def ok(self, *jobs: str) -> None:
        """These jobs ran and succeeded, and no other job ran."""
        wrong = {name: job.result for name, job in self.jobs.items() if job.result != "success"}
        assert (self.exit_code, wrong) == (0, {}), f"{wrong}\n{self.log()}"
        assert set(self.jobs) == set(jobs), f"{sorted(self.jobs)} ran\n{self.log()}"

    def failed(self, job: str, step: str) -> Step:
        """The first step that failed was this one, of this job."""
        assert self.exit_code != 0, self.log()
        first = [
            (name, each.name)
            for name, found in self.jobs.items()
            for each in found.steps.values()
            if each.result == "failure"
        ]
        assert first[:1] == [(job, step)], f"{first}\n{self.log()}"
        return self.jobs[job].step(step)

    @property
    def needs(self) -> dict[str, Any]:
        """The results and outputs of jobs, where a job wrote them to `needs.json`."""
        found: dict[str, Any] = json.loads((self.folder / "needs.json").read_text("utf-8"))
        return found

    def artifacts(self) -> dict[str, str]:
        """The digest of each artifact by its name."""
        index = json.loads((self.folder / "artifacts" / "index.json").read_text("utf-8"))
        return {each["name"]: each["digest"] for each in index}

    def log(self) -> str:
        """What the steps printed, for people."""
        lines: list[str] = []
        for name, job in self.jobs.items():
            for step in job.steps.values():
                lines += [f"--- {name}: {step.name}: {step.result}", step.output]
        return "\n".join([*lines, *([] if self.jobs else [self.printed])])

    @classmethod
    def read(cls, lines: Iterable[str], *, exit_code: int, folder: Path) -> "Ran":
        """Read what act printed.

        Raises:
            AssertionError: it left out a job because it does not know the runner.
        """
        jobs: dict[str, Job] = {}
        printed = list(lines)
        for line in printed:
            if not line.startswith("{"):
                continue
            said = json.loads(line)
            assert _UNKNOWN_RUNNER not in said["msg"], f"{said.get('job')}: {said['msg']}"
            if "job" in said and ("step" in said or "jobResult" in said):
                _add(jobs.setdefault(_name(said), Job()), said)
        return cls(exit_code=exit_code, jobs=jobs, folder=folder, printed="\n".join(printed))


def _name(said: dict[str, Any]) -> str:
    """The job's id, after the caller's where it is of a called workflow."""
    parts = said["job"].strip().split("/")
    assert len(parts) in {2, 3}, f"a name with a slash: {said['job']}"
    name = said["jobID"] if len(parts) == 2 else f"{parts[0]}/{said['jobID']}"
    values = ", ".join(str(value) for value in (said.get("matrix") or {}).values())
    return f"{name} ({values})" if values else name


def _add(job: Job, said: dict[str, Any]) -> None:
    if "jobResult" in said:
        job.result = said["jobResult"]
        return
    where = said.get("stepID")
    if where is None or said["stage"] != "Main":  # before and after the steps
        if said.get("stepResult") == "failure":
            job.steps[said["step"]] = Step(name=said["step"], result="failure", output=said["msg"])
        return
    step = job.steps.setdefault(where[0], Step(name=said["step"]))
    message = said["msg"]
    if said.get("raw_output"):
        step.output += message
    elif "stepResult" in said and len(where) == 1 and step.result != "failure":
        step.result = said["stepResult"]
    elif said.get("level") == "error" or "command" in said:
        _add_command(step, said)


def _add_command(step: Step, said: dict[str, Any]) -> None:
    match said.get("command"):
        case "set-output":
            step.outputs[said["name"]] = said["arg"]
        case "summary":
            step.summary += said["content"]
        case "error" | "warning" | "notice":
            step.annotations.append((said["command"], said.get("kvPairs") or {}, said["arg"]))
            step.output += f"{said['raw'].rstrip()}\n"
        case None:
            step.output += f"{said['msg'].strip()}\n"
        case _:
            pass
