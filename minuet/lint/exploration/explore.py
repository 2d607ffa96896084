"""Goes breadth first through all states of one saga, so that the first way found is a shortest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field

from minuet.core.due import pending
from minuet.core.fold import fold
from minuet.core.plan import Plan
from minuet.core.state import State, Status
from minuet.lint.exploration.moves import SAGA, Move, Who, begin, moves
from minuet.lint.exploration.states import essence, fork, is_over

MOST_STATES = 200_000
_PROGRESS_EVERY = 500
_GOES_ON = (Who.STEP, Who.COORDINATOR, Who.OUTSIDE, Who.PERSON)

Progress = Callable[[int, int], None]  # how many states are explored, and of how many known


@dataclass(frozen=True)
class Trace:
    """A way through a saga, and the state at its end.

    `again` is what happens there over and over; None where nothing happens any more.
    """

    moves: tuple[Move, ...]
    state: State
    again: Move | None = None


@dataclass(frozen=True)
class Exploration:
    """What was found.

    Args:
        states, transitions: how many were explored.
        complete: every state that can be reached was; else the bound was reached first.
        stuck: a shortest way to where a saga stands for ever, or turns in a circle.
        stuck_states: how many such states there are.
        ran: steps that can become due.
        ends: the statuses in which a saga can be at rest.
    """

    states: int
    transitions: int
    complete: bool
    stuck: Trace | None
    stuck_states: int
    ran: frozenset[str]
    ends: frozenset[Status]


@dataclass
class _Graph:
    """The states that are known, by number, in the order they were found."""

    numbers: dict[Hashable, int] = field(default_factory=dict)
    ways: list[tuple[int, Move]] = field(default_factory=list)  # whence, and by what
    before: list[list[int]] = field(default_factory=list)  # whence it can be reached, unasked
    over: list[int] = field(default_factory=list)
    turns: dict[int, Move] = field(default_factory=dict)  # what has no effect, and is said again
    expanded: int = 0
    transitions: int = 0
    ran: set[str] = field(default_factory=set)
    ends: set[Status] = field(default_factory=set)

    def add(self, key: Hashable, whence: int, move: Move) -> bool:
        """Note a way to a state; whether the state is new."""
        number = self.numbers.setdefault(key, len(self.ways))
        is_new = number == len(self.ways)
        if is_new:
            self.ways.append((whence, move))
            self.before.append([])
        if move.who in _GOES_ON and whence >= 0:
            self.before[number].append(whence)
        return is_new

    def trace(self, number: int) -> tuple[Move, ...]:
        """The moves of a shortest way to a state."""
        found: list[Move] = []
        while number >= 0:
            number, move = self.ways[number]
            found.append(move)
        return tuple(reversed(found))

    def that_can_end(self) -> set[int]:
        """The states from which the saga can come to rest without a person who acts unasked.

        What was not explored is taken to be able to.
        """
        found = {*self.over, *range(self.expanded, len(self.ways))}
        waiting = list(found)
        while waiting:
            for whence in self.before[waiting.pop()]:
                if whence not in found:
                    found.add(whence)
                    waiting.append(whence)
        return found


def explore(
    plan: Plan, most: int = MOST_STATES, progress: Progress = lambda _done, _all: None
) -> Exploration:
    """Explore a workflow.

    Args:
        plan: the compiled workflow.
        most: states after which it stops.
        progress: told how many states are explored, and how many are known.
    """
    graph = _Graph()
    first = begin(plan)
    state = _after(plan, State(SAGA), first)
    graph.add(essence(plan, state), -1, first)
    waiting = deque([(state, essence(plan, state))])
    while waiting and graph.expanded < most:
        if graph.expanded % _PROGRESS_EVERY == 0:
            progress(graph.expanded, len(graph.ways))
        waiting.extend(_expand(plan, graph, *waiting.popleft()))
    stuck, count = _stuck(plan, graph)
    return Exploration(
        graph.expanded, graph.transitions, not waiting, stuck, count, frozenset(graph.ran),
        frozenset(graph.ends),
    )  # fmt: skip


def _after(plan: Plan, state: State, move: Move) -> State:
    twin = fork(state)
    fold(plan, twin, move.record)
    return twin


def _expand(
    plan: Plan, graph: _Graph, state: State, own: Hashable
) -> Iterator[tuple[State, Hashable]]:
    """Yield the states, not met before, that follow on the next one in order."""
    number = graph.expanded
    graph.expanded += 1
    if is_over(state):
        graph.ends.add(state.status)
        graph.over.append(number)
        return
    slots = pending(plan, state)
    graph.ran.update(slot.step.name for slot in slots)
    for move in moves(plan, state, slots):
        after = _after(plan, state, move)
        key = essence(plan, after)
        if key != own:
            graph.transitions += 1
            if graph.add(key, number, move):
                yield after, key
        elif move.who in (Who.STEP, Who.COORDINATOR):
            graph.turns.setdefault(number, move)


def _stuck(plan: Plan, graph: _Graph) -> tuple[Trace | None, int]:
    """Find the first state that stands for ever, else one that turns; and how many there are."""
    doomed = sorted({*range(graph.expanded)} - graph.that_can_end())
    goes_on = {whence for number in doomed for whence in graph.before[number]}
    turning = sorted(graph.turns)
    standing = [number for number in doomed if number not in goes_on and number not in graph.turns]
    for number in (*standing[:1], *turning[:1], *doomed[:1]):
        trace = graph.trace(number)
        state = State(SAGA)
        for move in trace:
            fold(plan, state, move.record)
        return Trace(trace, state, graph.turns.get(number)), len({*doomed, *turning})
    return None, 0
