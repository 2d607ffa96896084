"""Rules about what a step calls: what blocks the loop, and clock or chance in a pure step."""

from __future__ import annotations

from collections.abc import Iterator

from minuet.lint.rules import RULES, Finding
from minuet.lint.source import Call
from minuet.lint.subject import Subject
from minuet.step import StepDefinition

# A name that ends with a dot is all that a module has.
BLOCKING = (
    "time.sleep", "open", "io.open", "input", "os.system", "os.popen", "os.wait", "os.waitpid",
    "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output",
    "subprocess.getoutput", "subprocess.getstatusoutput", "subprocess.Popen",
    "requests.", "urllib.request.", "urllib3.", "http.client.", "smtplib.", "ftplib.", "boto3.",
    "httpx.get", "httpx.post", "httpx.put", "httpx.patch", "httpx.delete", "httpx.head",
    "httpx.options", "httpx.request", "httpx.stream", "httpx.Client",
    "socket.create_connection", "socket.getaddrinfo", "socket.gethostbyname", "select.select",
    "sqlite3.connect", "psycopg.connect", "psycopg2.", "pymysql.", "MySQLdb.", "redis.Redis",
    "shutil.copy", "shutil.copyfile", "shutil.copytree", "shutil.move", "shutil.rmtree",
    ".read_text", ".read_bytes", ".write_text", ".write_bytes",
)  # fmt: skip

IMPURE = (
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today", "pendulum.now", "arrow.now", "arrow.utcnow",
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns", "time.process_time", "time.clock_gettime",
    "random.", "secrets.", "numpy.random.", "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7",
    "os.urandom", "os.getrandom",
)  # fmt: skip
_NOW = ("time.localtime", "time.gmtime", "time.strftime", "time.ctime")  # without a time
_SEEDED = ("random.Random", "numpy.random.default_rng", "numpy.random.RandomState")


def check(subject: Subject) -> Iterator[Finding]:
    """Look at what each step calls."""
    for step in subject.workflow.steps.values():
        source = subject.sources.of(step.spec.file)
        node = source.at(step.spec.name, step.spec.line) if source is not None else None
        if source is None or node is None:
            continue
        for call in source.calls(node):
            pure = not step.resources
            if (step.is_async or pure) and not call.awaited and _is(call.name, BLOCKING):
                yield _blocks(subject, step, call)
            elif pure and _is_impure(call):
                yield _is_not_pure(subject, step, call)


def _is(name: str, names: tuple[str, ...]) -> bool:
    return any(name == each or (each.endswith(".") and name.startswith(each)) for each in names)


def _is_impure(call: Call) -> bool:
    if call.name in _NOW:
        return not call.has_arguments or (call.name == "time.strftime")
    return _is(call.name, IMPURE) and not (call.name in _SEEDED and call.has_arguments)


def _called(call: Call) -> str:
    name = f"{call.name.lstrip('.')}()"
    return f"{name}, in {call.via}," if call.via else name


def _blocks(subject: Subject, step: StepDefinition, call: Call) -> Finding:
    what = "it is async" if step.is_async else "it has no resource, so it runs on the loop too"
    message = f"{_called(call)} blocks the loop, and every other handler with it: {what}"
    mend = RULES["blocking-call"].do
    return subject.at_step(step, "blocking-call", message, mend, line=call.line)


def _is_not_pure(subject: Subject, step: StepDefinition, call: Call) -> Finding:
    message = f"{_called(call)} differs from run to run, and a step without resources is pure"
    mend = RULES["not-pure"].do
    return subject.at_step(step, "not-pure", message, mend, line=call.line)
