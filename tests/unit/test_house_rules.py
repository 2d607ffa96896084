"""The house rules: a rule that nothing checks is not a rule."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("minuet", "schemas", "streams", "coordinators")

BODY_LINES, BODY_LINES_MOST = 40, 70
MODULE_LINES, MODULE_LINES_MOST = 300, 400
OVER_THE_HABIT = 0.05  # the share of bodies and modules that may be over the first number

NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "misc", "manager", "stuff"}

# In pieces, so that this file keeps the rule it checks.
REGISTRY_HOSTS = (
    "py" + "pi.org", "pythonho" + "sted", "repo1.ma" + "ven", "registry.np" + "mjs",
    "proxy.gol" + "ang", "crates.io/" + "api", "deb.deb" + "ian",
)  # fmt: skip
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|root|Users)/")

CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
IMPURE_MODULES = {"time", "random", "secrets", "uuid", "os", "asyncio", "threading", "socket"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def project_files() -> tuple[Path, ...]:
    """The files that git has or would add; what is ignored is nobody's rule."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (ROOT / name for name in sorted(set(listed.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file())


def python_files(*folders: str) -> Iterator[Path]:
    for path in project_files():
        if path.suffix == ".py" and (not folders or place(path).split("/")[0] in folders):
            yield path


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=place(path))


def module_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def body_lines(function: Function) -> int:
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions(node: ast.AST) -> Iterator[Function]:
    """Those in a statement, without a look into its expressions, which have none."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        below = getattr(node, name, ())
        for each in below if isinstance(below, list) else ():
            if isinstance(each, Function):
                yield each
            yield from functions(each)


@cache
def bodies_of(path: Path) -> dict[str, int]:
    """Kept, and the tree is not: hundreds of trees at once keep the garbage collector busy."""
    found = functions(tree(path))
    return {f"{place(path)}:{node.lineno} {node.name}": body_lines(node) for node in found}


def bodies(paths: Iterable[Path], least: int = 0) -> dict[str, int]:
    """The lines of each function body, in modules that have more than `least`."""
    return {
        name: size
        for path in paths
        if module_lines(path) > least
        for name, size in bodies_of(path).items()
    }


def over(sizes: dict[str, int], most: int) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if size > most}


def few(long: dict[str, int], of: int) -> bool:
    return len(long) <= max(1, round(of * OVER_THE_HABIT))


def test_no_function_body_is_longer_than_the_limit() -> None:
    assert over(bodies(python_files(), BODY_LINES_MOST), BODY_LINES_MOST) == {}


def test_few_function_bodies_of_the_product_are_longer_than_the_habit() -> None:
    sizes = bodies(python_files(*PRODUCT))
    long = over(sizes, BODY_LINES)
    assert few(long, len(sizes)), long


def test_no_module_is_longer_than_the_limit() -> None:
    sizes = {place(path): module_lines(path) for path in python_files()}
    assert over(sizes, MODULE_LINES_MOST) == {}


def test_few_modules_of_the_product_are_longer_than_the_habit() -> None:
    sizes = {place(path): module_lines(path) for path in python_files(*PRODUCT)}
    long = over(sizes, MODULE_LINES)
    assert few(long, len(sizes)), long


def test_every_module_and_room_has_a_name_that_says_something() -> None:
    names = {place(path): {path.stem, *path.relative_to(ROOT).parts} for path in python_files()}
    assert {name for name, parts in names.items() if parts & NAMES_THAT_SAY_NOTHING} == set()


def impure(path: Path) -> Iterator[str]:
    """Import-linter sees imports between modules; this sees calls and names."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names) if {n.name.split(".")[0] for n in names} & IMPURE_MODULES:
                yield f"{place(path)}:{node.lineno} {ast.unparse(node)}"
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in IMPURE_MODULES:
                yield f"{place(path)}:{node.lineno} {ast.unparse(node)}"
            case ast.Attribute(value=owner, attr=name) if (
                ast.unparse(owner).split(".")[-1],
                name,
            ) in CLOCKS:
                yield f"{place(path)}:{node.lineno} {ast.unparse(node)}"
            case ast.Name(id="open" | "print" | "input" | "uuid4"):
                yield f"{place(path)}:{node.lineno} {ast.unparse(node)}"


def test_the_core_reads_no_clock_and_throws_no_dice() -> None:
    core = [path for path in python_files("minuet") if place(path).startswith("minuet/core/")]
    assert core
    assert [line for path in core for line in impure(path)] == []


def test_no_file_names_a_registry_host_or_a_path_of_one_machine() -> None:
    found = []
    for path in project_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{place(path)}: {host}" for host in REGISTRY_HOSTS if host in text]
        found += [f"{place(path)}: {hit.group()}" for hit in MACHINE_PATH.finditer(text)]
    assert found == []


def locked(name: str) -> dict[str, list[str]]:
    """Requirement -> its hashes."""
    requirements: dict[str, list[str]] = {}
    current: list[str] = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("    --hash="):
            current.append(line)
        elif line and not line.startswith(" ") and not line.startswith("#"):
            current = requirements.setdefault(line.removesuffix(" \\"), [])
    return requirements


def names(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[^\w.-]", r, maxsplit=1)[0].lower().replace("_", "-") for r in requirements}


def test_the_locks_pin_and_hash_all_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    asked = project["project"]["dependencies"] + groups["build"]
    asked += project["project"]["optional-dependencies"]["dev"]
    for name, wanted in (
        ("requirements.lock", asked),
        ("requirements-check.lock", asked + groups["check"]),
    ):
        requirements = locked(name)
        assert names(wanted) <= names(requirements), f"{name} is behind pyproject.toml: make lock"
        assert [r for r, hashes in requirements.items() if "==" not in r or not hashes] == []


def test_both_locks_hold_the_same_versions() -> None:
    assert locked("requirements.lock").keys() <= locked("requirements-check.lock").keys()


def test_what_ci_calls_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
