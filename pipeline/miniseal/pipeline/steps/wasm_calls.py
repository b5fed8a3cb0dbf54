"""Runs inside the sandbox, alone: calls a core module's exports under limits and compares.

    python wasm_calls.py app.wasm calls.json

It imports wasmtime (mounted as a tool) and the standard library, nothing of Miniseal. Imports of
the module are linked as traps: a test of the packed bytes exercises what needs no host. Prints one
JSON list: `[{"call": name, "passed": bool, "found": [values] or a trap's first line}]`.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import wasmtime


def main(wasm: str, calls: str) -> None:
    """Run every call of the file `calls` on its own instance and print what came."""
    request = json.loads(Path(calls).read_text(encoding="utf-8"))
    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    engine = wasmtime.Engine(config)
    module = wasmtime.Module(engine, Path(wasm).read_bytes())
    results = [_run(engine, module, request["limits"], call) for call in request["calls"]]
    print(json.dumps(results))  # noqa: T201 - its output is its result


def _run(
    engine: wasmtime.Engine, module: wasmtime.Module, limits: dict[str, int], call: dict[str, Any]
) -> dict[str, object]:
    store = wasmtime.Store(engine)
    store.set_fuel(limits["fuel"])
    store.set_limits(memory_size=limits["memory_mib"] * 1024 * 1024)
    store.set_epoch_deadline(1)
    timer = threading.Timer(limits["wall_ms"] / 1000, engine.increment_epoch)
    timer.start()
    try:
        linker = wasmtime.Linker(engine)
        linker.define_unknown_imports_as_traps(module)
        exports = linker.instantiate(store, module).exports(store)
        initialize = exports.get("_initialize")
        if isinstance(initialize, wasmtime.Func):
            initialize(store)  # a reactor's own start, before anything else is called
        value = exports[call["call"]](store, *call["args"])  # type: ignore[operator]  # not callable: reported below
        found: object = _results(value)
    except (wasmtime.WasmtimeError, wasmtime.Trap, KeyError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    finally:
        timer.cancel()
    return {"call": call["call"], "passed": found == call["expect"], "found": found}


def _results(value: Any) -> list[object]:  # noqa: ANN401 - none, one or several numbers
    if isinstance(value, list):
        return [*value]  # pyright: ignore[reportUnknownVariableType]
    return [] if value is None else [value]


if __name__ == "__main__":
    main(*sys.argv[1:])
