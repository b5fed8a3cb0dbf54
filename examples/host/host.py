"""A small host: loads a verified mini-program and runs it under its limits.

    python host.py --policy policy.toml --state STATE com.example.tip tip 12000 15

Nothing of the program is touched before `Verifier.load` has returned. What it may import is what
the admission granted, not what the wasm asks for: nothing else is linked.
"""

import argparse
import sys
import threading
from collections.abc import Callable

import wasmtime

from miniseal.formats.errors import MinisealError
from miniseal.verifier import Program, Verifier

I32 = wasmtime.ValType.i32()


def kv(storage: dict[int, int]) -> dict[str, tuple[wasmtime.FuncType, Callable[..., object]]]:
    """`host:storage/kv`: a number by a number, kept for as long as the host runs."""
    return {
        "get": (wasmtime.FuncType([I32], [I32]), lambda key: storage.get(key, 0)),
        "set": (wasmtime.FuncType([I32, I32], []), storage.__setitem__),
    }


def env() -> dict[str, tuple[wasmtime.FuncType, Callable[..., object]]]:
    """`env`: what AssemblyScript calls when a program gives up."""

    def abort(_message: int, _file: int, line: int, column: int) -> None:
        raise RuntimeError(f"the program gave up at line {line}, column {column}")

    return {"abort": (wasmtime.FuncType([I32, I32, I32, I32], []), abort)}


def run(program: Program, export: str, arguments: list[int], storage: dict[int, int]) -> object:
    """Call one export in an instance of its own; the program's limits hold for the whole call."""
    limits = program.grants.limits
    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    store.set_fuel(limits["fuel"])
    store.set_limits(memory_size=limits["memory_mib"] * 1024 * 1024, instances=1)
    store.set_epoch_deadline(1)
    linker = wasmtime.Linker(engine)
    offered = {"host:storage/kv@1.0.0": kv(storage), "env": env()}
    for interface in program.grants.interfaces:
        for name, (kind, function) in offered[interface].items():
            linker.define_func(interface, name, kind, function)
    watch = threading.Timer(limits["wall_ms"] / 1000, engine.increment_epoch)
    watch.start()
    try:
        instance = linker.instantiate(store, wasmtime.Module(engine, program.wasm))
        exports = instance.exports(store)
        initialize = exports.get("_initialize")
        if isinstance(initialize, wasmtime.Func):
            initialize(store)  # by WASI's convention: before anything else is called
        result = exports[export](store, *arguments)
        memory = exports.get("memory")
        if isinstance(result, list) and isinstance(memory, wasmtime.Memory):
            start, length = result  # by convention: where a text is, and how long
            return memory.read(store, start, start + length).decode("utf-8")
        return result
    finally:
        watch.cancel()


def main() -> int:
    """Load and run; exit code 1 where the verifier or the program said no."""
    parser = argparse.ArgumentParser(description="Run one export of an installed mini-program.")
    parser.add_argument("--policy", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("app_id")
    parser.add_argument("calls", nargs="+", help="EXPORT [ARGUMENT..], several separated by `,`")
    options = parser.parse_args()
    try:
        program = Verifier.open(options.policy, state=options.state).load(options.app_id)
    except MinisealError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    storage: dict[int, int] = {}
    for call in " ".join(options.calls).split(","):
        export, *arguments = call.split()
        try:
            print(run(program, export, [int(text) for text in arguments], storage))
        except (wasmtime.Trap, wasmtime.WasmtimeError, RuntimeError) as error:
            print(f"stopped: {str(error).strip().splitlines()[-1]}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
