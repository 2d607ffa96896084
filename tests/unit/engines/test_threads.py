"""Threads for calls that block: as many as are needed, and none that keeps a process."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from minuet.engines.threads import Threads

PATIENCE_S = 20


def test_a_call_answers_or_raises_in_the_future_that_stands_for_it() -> None:
    threads = Threads(2, "t")
    assert threads.submit(divmod, 7, 2).result(PATIENCE_S) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 7, 0).result(PATIENCE_S)
    threads.shutdown()
    with pytest.raises(RuntimeError):
        threads.submit(divmod, 7, 2)


def test_no_more_run_at_once_than_there_are_threads_and_the_others_wait() -> None:
    threads, gate = Threads(2, "t"), threading.Event()
    entered = threading.Semaphore(0)

    def waits() -> str:
        entered.release()
        gate.wait(PATIENCE_S)
        return threading.current_thread().name

    calls: list[Future[str]] = [threads.submit(waits) for _ in range(4)]
    assert all(entered.acquire(timeout=PATIENCE_S) for _ in range(2))
    assert not entered.acquire(blocking=False)
    gate.set()
    assert {call.result(PATIENCE_S) for call in calls} == {"t-0", "t-1"}
    threads.shutdown()


def test_what_has_not_begun_is_cancelled_with_the_shutdown() -> None:
    threads, gate, entered = Threads(1, "t"), threading.Event(), threading.Event()

    def waits() -> bool:
        entered.set()
        return gate.wait(PATIENCE_S)

    first, second = threads.submit(waits), threads.submit(waits)
    assert entered.wait(PATIENCE_S)
    threads.shutdown(cancel_futures=True)
    assert second.cancelled()
    gate.set()
    assert first.result(PATIENCE_S)


def test_a_call_that_never_returns_keeps_no_process_alive() -> None:
    program = (
        "import threading; from minuet.engines.threads import Threads; t = Threads(1, 't');"
        "t.submit(threading.Event().wait); t.shutdown(cancel_futures=True)"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=PATIENCE_S, check=False)
    assert ended.returncode == 0


def test_where_no_thread_can_be_started_the_call_is_refused_and_the_next_one_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []
    threads = Threads(1, "t")

    def no_more(_: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        with pytest.raises(RuntimeError, match="new thread"):
            threads.submit(called.append, "refused")
    threads.submit(called.append, "taken").result(PATIENCE_S)
    assert called == ["taken"]
