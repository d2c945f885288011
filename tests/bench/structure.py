"""Measure the structure of the code: sizes, packages, import direction, way of one sweep.

    python -m tests.bench.structure

Reads the sources of `discovery`, `matchers` and `state`, then runs one first sweep of three caches
and counts the modules it passes and how often a call goes from one module into another.
"""

from __future__ import annotations

import ast
import collections
import os
import pathlib
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from types import FrameType

from discovery.cli.app import run
from discovery.sandbox.generated_world import Size, Spread
from tests.bench.cloud import running, write_configuration

ROOT = pathlib.Path(__file__).parents[2]
TOP = ("discovery", "matchers", "state")


def modules() -> dict[str, pathlib.Path]:
    """Map dotted names to files, without what a compiler made."""
    found = {}
    for top in TOP:
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if not name.endswith("_pb2"):
                found[name.removesuffix(".__init__")] = path
    return found


def imports(name: str, path: pathlib.Path, known: dict[str, pathlib.Path]) -> Iterator[str]:
    """Yield the modules of this program that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from (each for each in (full, node.module) if each in known and each != name)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other (Tarjan's components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while True:
                group.append(stack.pop())
                if group[-1] == node:
                    break
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def percentiles(values: list[int]) -> str:
    """Format the median and the 90th percentile."""
    upper = sorted(values)[len(values) * 9 // 10]
    return f"median {statistics.median(values):.0f}, 90 % up to {upper}"


def package(name: str) -> str:
    """Name the package that the table lists a module under."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "discovery" and len(parts) > 1 else parts[0]


def way_of_a_sweep(known: dict[str, pathlib.Path]) -> tuple[int, int]:
    """Run one first sweep of three caches; count its modules and the calls between them."""
    size = Size(1, 1, 3, Spread("typical"))
    names = {str(path): name for name, path in known.items() if "sandbox" not in name}
    passed: set[str] = set()
    changes = 0

    def note(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal changes
        name = names.get(frame.f_code.co_filename)
        if event != "call" or name is None or frame.f_code.co_name == "<module>":
            return
        passed.add(name)
        caller = frame.f_back
        while caller is not None and caller.f_code.co_filename not in names:
            caller = caller.f_back
        changes += caller is not None and names[caller.f_code.co_filename] != name

    with running(size, latency_ms=0) as cloud, tempfile.TemporaryDirectory() as directory:
        write_configuration(size, pathlib.Path(directory))
        os.environ.update(cloud.environment)
        configuration = str(pathlib.Path(directory) / "cachemuster.yaml")
        threading.setprofile(note)
        sys.setprofile(note)
        try:
            run(["sweep", "-c", configuration, "-o", os.devnull])
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    return len(passed), changes


def main() -> None:
    """Print the figures."""
    known = modules()
    lines = {name: len(path.read_text().splitlines()) for name, path in known.items()}
    functions = [
        node.end_lineno - node.lineno + 1
        for path in known.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]
    graph = {name: set(imports(name, path, known)) for name, path in known.items()}
    sizes: dict[str, list[int]] = collections.defaultdict(list)
    for name, count in lines.items():
        sizes[package(name)].append(count)
    for name, each in sizes.items():
        sys.stdout.write(f"{name:28} {len(each):4} modules {sum(each):6} lines\n")
    sandbox = sum(sizes["discovery.sandbox"])
    files = [count for count in lines.values() if count]
    rooms = {path.parent for path in known.values() if path.is_relative_to(ROOT / "discovery")}
    single = sum(1 for name in known if sum(name in other for other in graph.values()) == 1)
    sys.stdout.write(
        f"modules {len(known)}, lines {sum(files) - sandbox} and {sandbox} in the sandbox\n"
        f"packages under discovery/ {len(rooms) - 1}\n"
        f"files {percentiles(files)}; functions {percentiles(functions)}\n"
        f"modules with one importer {single}; sweep.py {lines['discovery.sweep.sweep']} lines\n"
        f"circles of modules {len(circles(graph))}: {circles(graph)}\n"
    )
    passed, changes = way_of_a_sweep(known)
    sys.stdout.write(f"a sweep of three caches: {passed} modules, {changes} changes\n")


if __name__ == "__main__":
    main()
