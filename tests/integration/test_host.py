"""The example host: a program gets its limits and its grants, and nothing else."""

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
import wasmtime

from kit.scripts import load

HOST = Path(__file__).parents[2] / "examples" / "host" / "host.py"
KV = "host:storage/kv@1.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    interfaces: tuple[str, ...] = ()
    limits: dict[str, int] = field(
        default_factory=lambda: {"fuel": 1_000_000, "memory_mib": 1, "wall_ms": 5_000}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What `load` gives to the host, as far as the host looks at it."""

    wasm: bytes
    grants: Grants


@pytest.fixture(scope="module")
def host() -> ModuleType:
    return load(HOST)


def program(text: str, **grants: object) -> Program:
    return Program(wasm=bytes(wasmtime.wat2wasm(text)), grants=Grants(**grants))  # type: ignore[arg-type]


def limits(**changed: int) -> dict[str, int]:
    return {**Grants().limits, **changed}


SPIN = '(module (func (export "spin") (loop br 0)))'


def test_a_reactor_is_initialized_before_it_is_called(host: ModuleType) -> None:
    reactor = program(
        "(module (global $n (mut i32) (i32.const 0))"
        ' (func (export "_initialize") (global.set $n (i32.const 7)))'
        ' (func (export "n") (result i32) (global.get $n)))'
    )

    assert host.run(reactor, "n", [], {}) == 7


def test_a_call_returns_its_result(host: ModuleType) -> None:
    double = program(
        '(module (func (export "double") (param i32) (result i32)'
        " (i32.mul (local.get 0) (i32.const 2))))"
    )

    assert host.run(double, "double", [21], {}) == 42


def test_a_program_that_never_ends_runs_out_of_fuel(host: ModuleType) -> None:
    with pytest.raises(wasmtime.Trap, match="fuel"):
        host.run(program(SPIN), "spin", [], {})


def test_a_program_that_takes_too_long_is_interrupted(host: ModuleType) -> None:
    endless = program(SPIN, limits=limits(fuel=2**62, wall_ms=100))

    with pytest.raises(wasmtime.Trap, match="interrupt"):
        host.run(endless, "spin", [], {})


def test_memory_does_not_grow_beyond_the_limit(host: ModuleType) -> None:
    greedy = program(
        '(module (memory 1) (func (export "grow") (result i32) (memory.grow (i32.const 16))))'
    )

    assert host.run(greedy, "grow", [], {}) == -1


def test_a_program_that_starts_too_large_does_not_start(host: ModuleType) -> None:
    large = program('(module (memory 17) (func (export "f")))')

    with pytest.raises(wasmtime.WasmtimeError, match="memory"):
        host.run(large, "f", [], {})


STORES = (
    f'(module (import "{KV}" "set" (func $set (param i32 i32)))'
    ' (func (export "keep") (call $set (i32.const 1) (i32.const 7))))'
)


def test_a_granted_import_is_linked(host: ModuleType) -> None:
    storage: dict[int, int] = {}

    host.run(program(STORES, interfaces=(KV,)), "keep", [], storage)

    assert storage == {1: 7}


def test_an_import_that_was_not_granted_is_not_linked(host: ModuleType) -> None:
    with pytest.raises(wasmtime.WasmtimeError, match="unknown import"):
        host.run(program(STORES), "keep", [], {})


def test_a_program_that_gives_up_stops(host: ModuleType) -> None:
    aborts = program(
        '(module (import "env" "abort" (func $abort (param i32 i32 i32 i32)))'
        ' (func (export "fail") (call $abort (i32.const 0) (i32.const 0) (i32.const 4)'
        " (i32.const 2))))",
        interfaces=("env",),
    )

    with pytest.raises(RuntimeError, match="gave up at line 4"):
        host.run(aborts, "fail", [], {})
