"""Runs and inputs as the pipeline knows them, and as the formats do. Pure."""

from __future__ import annotations

from git_mlvc.formats.run import RunDep, RunFile, RunInputs, RunOut, RunRecord, RunUrl
from git_mlvc.pipeline.model import (
    Dep,
    DepKind,
    FileState,
    Inputs,
    Param,
    Result,
    Run,
    State,
    UrlState,
)


def record_of(run: Run, *, has_inputs: bool = True) -> RunRecord:
    """Return what a run is stored as; without its inputs where they are too long."""
    outs = [
        RunOut(path, _file(state), path not in run.unpushed)
        for path, state in sorted(run.result.outs, key=lambda out: out[0])
    ]
    return RunRecord(
        run.key,
        run.stage,
        run.made_at_ms,
        run.duration_ms,
        run.host,
        inputs_record(run.result.inputs) if has_inputs else None,
        tuple(outs),
    )


def run_of(record: RunRecord, run_id: bytes) -> Run:
    """Return the run that a record tells. Inputs that it does not hold are empty."""
    inputs = Inputs(()) if record.inputs is None else _inputs_of(record.inputs)
    outs = tuple((out.path, _file_state(out.state)) for out in record.outs)
    return Run(
        record.key,
        record.stage,
        record.made_at_ms,
        record.duration_ms,
        record.host,
        Result(inputs, outs),
        frozenset(out.path for out in record.outs if not out.is_pushed),
        run_id,
    )


def inputs_record(inputs: Inputs) -> RunInputs:
    return RunInputs(
        inputs.commands,
        inputs.wdir,
        inputs.env,
        tuple(RunDep(dep.kind.value, dep.text, _state(state)) for dep, state in inputs.deps),
        tuple((param.file, param.key, value) for param, value in inputs.params),
        inputs.out_paths,
    )


def _inputs_of(inputs: RunInputs) -> Inputs:
    return Inputs(
        inputs.commands,
        inputs.wdir,
        inputs.env,
        tuple((Dep(dep.text, DepKind(dep.kind)), _state_of(dep.state)) for dep in inputs.deps),
        tuple((Param(file, key), value) for file, key, value in inputs.params),
        inputs.out_paths,
    )


def _state(state: State) -> RunFile | RunUrl:
    if isinstance(state, UrlState):
        return RunUrl(state.version, state.size_bytes)
    return _file(state)


def _file(state: FileState) -> RunFile:
    return RunFile(
        state.oid, state.size_bytes, state.files, state.is_executable, state.tree_size_bytes
    )


def _state_of(state: RunFile | RunUrl) -> State:
    if isinstance(state, RunUrl):
        return UrlState(state.version, state.size_bytes)
    return _file_state(state)


def _file_state(state: RunFile) -> FileState:
    return FileState(
        state.oid, state.size_bytes, state.files, state.is_executable, state.tree_size_bytes
    )
