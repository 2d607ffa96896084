"""A saga told record by record: what is appended to its log, and what the core says to that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from minuet.core.decide import Say, decide
from minuet.core.due import Slot, due, pending
from minuet.core.plan import Plan, compile_plan
from minuet.core.state import State
from minuet.core.table import Table
from minuet.event import ids
from minuet.event.record import (
    DIGEST,
    SLOT,
    Record,
)
from minuet.spec.model import DeadlineSpec, Parameter, Spec, StepSpec, UndoSpec

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
BEGAN_MS = 1_700_000_000_000


def step(name: str, needs: str, says: str, in_doubt: str = "") -> StepSpec:
    """A step as one writes it: `step("pay", "Reserved, A | B", "Charged | Declined")`."""
    parameters = tuple(
        Parameter(f"p{n}", "event", tuple(types.split(" | ")))
        for n, types in enumerate(needs.split(", "))
    )
    return StepSpec(name, parameters, tuple(says.split(" | ")), in_doubt=in_doubt)


ORDER_STEPS = (
    step("reserve_stock", "OrderPlaced", "StockReserved | StockRejected"),
    step("screen_fraud", "OrderPlaced", "FraudCleared | FraudFound"),
    step(
        "charge_payment",
        "StockReserved, FraudCleared, OrderPlaced",
        "PaymentCharged | PaymentDeclined",
    ),
    step("book_shipment", "PaymentCharged, OrderPlaced", "ShipmentBooked | ShipmentRefused"),
    step("confirm_order", "ShipmentBooked", "OrderConfirmed"),
    step("release_stock", "ReleaseStock", "StockReleased"),
    step("refund_payment", "RefundPayment, PaymentCharged", "PaymentRefunded"),
)
ORDER_FAILS = ("StockRejected", "FraudFound", "PaymentDeclined", "ShipmentRefused", "OrderExpired")


def orders(*more: StepSpec, without: str = "", fails: Iterable[str] = ()) -> Spec:
    """The shipped workflow, with further steps, or with one taken out."""
    return Spec(
        name="orders",
        key="order_id",
        begins="OrderPlaced",
        pivot="ShipmentBooked",
        completes="OrderConfirmed",
        fails=(*ORDER_FAILS, *fails),
        undo=(
            UndoSpec("StockReserved", "ReleaseStock", "StockReleased"),
            UndoSpec("PaymentCharged", "RefundPayment", "PaymentRefunded"),
        ),
        deadlines=(DeadlineSpec("OrderExpired", "OrderPlaced", "ShipmentBooked", 30 * MINUTE_MS),),
        steps=(*(s for s in ORDER_STEPS if s.name != without), *more),
        version="v1",
    )


ORDERS = orders()


@dataclass
class Story:
    """One saga's log, folded as it is appended to.

    `packed` lets every record be followed by a crash: the saga goes through its row and back.
    """

    spec: Spec = ORDERS
    key: str = "order-1"
    packed: bool = False
    log: list[Record] = field(default_factory=list)
    now: int = BEGAN_MS

    def __post_init__(self) -> None:
        self.plan: Plan = compile_plan(self.spec)
        self.table = Table(self.plan)
        self._slots: dict[str, Slot] = {}

    # -- what is asked -------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """What the log says so far."""
        state = self.table.get(self.key)
        assert state is not None
        return state

    @property
    def status(self) -> str:
        return self.state.status.value

    @property
    def due(self) -> list[str]:
        """The names of the steps to be run now."""
        return [slot.step.name for slot in self.due_slots]

    @property
    def due_slots(self) -> list[Slot]:
        return due(self.plan, self.state, self.now)

    @property
    def in_doubt(self) -> list[str]:
        return [s.step.name for s in pending(self.plan, self.state) if s.in_doubt]

    @property
    def decided(self) -> list[str]:
        """What the coordinator wants to say."""
        return [say.type for say in self.says()]

    @property
    def incidents(self) -> list[str]:
        return sorted(incident.kind for incident in self.state.incidents.values())

    def slot(self, name: str) -> Slot:
        """The slot of a step as it was last pending."""
        for found in pending(self.plan, self.state):
            if found.step.name == name:
                self._slots[name] = found
        return self._slots[name]

    def says(self) -> list[Say]:
        return decide(self.plan, self.state, self.now)

    def count(self, what: str) -> int:
        return self.state.counts.get(what, 0)

    def row(self) -> bytes:
        return self.table.pack([self.key])[0][1]

    # -- what happens --------------------------------------------------------------------------

    def append(
        self, event_type: str, event_id: str, slot: str = "", body: str = "", **headers: str
    ) -> Record:
        """Append a record to the log and fold it."""
        for pending_slot in pending(self.plan, self.state) if self.log else ():
            self._slots[pending_slot.step.name] = pending_slot
        body = body or event_type
        named = {f"ce_{name}": text.encode() for name, text in headers.items() if text}
        named[DIGEST] = ids.body_digest(body.encode()).encode()
        if slot:
            named[SLOT] = slot.encode()
        self.now += 1
        record = Record(
            self.key, len(self.log), self.now, event_id, event_type, slot, body.encode(), named
        )
        self.log.append(record)
        self._fold(record)
        return record

    def again(self, record: Record, body: str = "") -> Record:
        """Append a copy of a record: a resent or repeated append."""
        headers = {**record.headers}
        if body:
            headers[DIGEST] = ids.body_digest(body.encode()).encode()
        copy = Record(
            record.key, len(self.log), self.now, record.id, record.type, record.slot,
            body.encode() or record.value, headers,
        )  # fmt: skip
        self.log.append(copy)
        self._fold(copy)
        return copy

    def _fold(self, record: Record) -> None:
        self.table.fold(record)
        if self.packed:
            self.crash()

    def crash(self) -> None:
        """A new owner takes over the row."""
        row = self.row()
        self.table = Table(self.plan)
        self.table.load(self.key, row)
        self.table.loaded()

    def rebuilt(self) -> State:
        """The fold of the whole log from its beginning."""
        table = Table(self.plan)
        for record in self.log:
            table.fold(record)
        state = table.get(self.key)
        assert state is not None
        return state

    def begins(self, event_id: str = "", body: str = "") -> Record:
        begins = self.spec.begins
        identity = event_id or ids.begin_id(self.spec.name, begins, self.key)
        return self.append(begins, identity, body=body)

    def happens(self, event_type: str, event_id: str = "", body: str = "") -> Record:
        """Somebody outside says something: no slot, no cause."""
        return self.append(event_type, event_id or f"outside-{event_type}", body=body)

    def answers(
        self, slot: Slot | str, event_type: str, *, late: bool = False, body: str = "", by: str = ""
    ) -> Record:
        """A handler's answer, or a person's; a step's name stands for its last pending slot."""
        found = self.slot(slot) if isinstance(slot, str) else slot
        names = {"step": found.step.name, "undoes": found.undoes, "round": self.state.round}
        causes = ",".join(cause.id for cause in found.causes)
        identity = ids.answer_id(found.id, event_type)
        if by:
            identity = ids.action_id(event_type, found.id)
        return self.append(
            event_type, identity, found.id, body,
            **names, causes=causes, late="1" if late else "", by=by,
        )  # fmt: skip

    def tries(
        self, event_type: str, name: str, attempt: int, *, until: int = 0, slot: str = ""
    ) -> Record:
        """`StepRetrying` or `StepGaveUp`; of a given slot as the first round knew it."""
        about = slot or self.slot(name).id
        round_id = "" if slot else self.state.round
        identity = ids.attempt_id(about, event_type, attempt)
        more = {"attempt": str(attempt), "notbefore": str(until) if until else ""}
        return self.append(event_type, identity, about, step=name, round=round_id, **more)

    def waits(self, name: str, attempt: int, until: int) -> Record:
        return self.tries("StepRetrying", name, attempt, until=until)

    def gives_up(self, name: str, attempt: int = 1) -> Record:
        return self.tries("StepGaveUp", name, attempt)

    def resumes(self, name: str, gave_up: Record) -> Record:
        """A person lets a parked slot try again."""
        identity = ids.action_id("StepResumed", gave_up.id)
        return self.append("StepResumed", identity, gave_up.slot, step=name, by="ada")

    def skips(self, name: str) -> Record:
        """The owner knows that nobody started the slot."""
        slot = self.slot(name).id
        identity = ids.answer_id(slot, "StepSkipped")
        return self.append("StepSkipped", identity, slot, step=name, round=self.state.round)

    def skips_undo(self, undoes: str) -> Record:
        """A person does without the undo of an event."""
        return self.append("StepSkipped", ids.action_id("StepSkipped", undoes), undoes=undoes)

    def rejects(self, record: Record) -> Record:
        """Somebody who needed the record's value could not read it."""
        identity = ids.action_id("RecordRejected", record.id)
        return self.append("RecordRejected", identity, rejects=str(record.offset))

    def cancels(self) -> Record:
        return self.append("SagaCancelled", ids.action_id("SagaCancelled", self.key), by="ada")

    def redoes(self) -> Record:
        """A person begins a new round; the record carries the begin event's bytes and its id."""
        begin = self.log[0]
        end = self.log[-1]
        identity = ids.action_id("SagaRedone", end.id)
        return self.append("SagaRedone", identity, body=begin.value.decode(), causes=begin.id)

    def coordinates(self) -> list[str]:
        """The coordinator says what it has decided; returns what that was."""
        said = self.says()
        for say in said:
            self.append(
                say.type, say.id, undoes=say.undoes, round=self.state.round,
                notbefore=str(say.not_before or ""),
                causes=say.of.id if say.of is not None else "",
            )  # fmt: skip
        return [say.type for say in said]

    def goes_well(self, **instead: str) -> list[str]:
        """Everybody does their part until nothing is left; each step says its first type.

        `instead` names, by step, what it says instead. Returns the types appended meanwhile.
        """
        start = len(self.log)
        for _ in range(100):
            before = len(self.log)
            self.coordinates()
            for slot in self.due_slots:
                if slot.id not in self.state.answers:
                    said = instead.get(slot.step.name, slot.step.spec.says[0])
                    self.answers(slot, said, late=slot.in_doubt)
            if len(self.log) == before:
                return [record.type for record in self.log[start:]]
        message = f"no rest: {[record.type for record in self.log[-10:]]}"
        raise AssertionError(message)


TO_CHARGE = ("reserve_stock", "screen_fraud")
TO_SHIP = (*TO_CHARGE, "charge_payment")
TO_CONFIRM = (*TO_SHIP, "book_shipment")


def placed(*done: str, spec: Spec = ORDERS, packed: bool = False) -> Story:
    """An order for which these steps have said their first type."""
    order = Story(spec, packed=packed)
    order.begins()
    for name in done:
        order.answers(name, order.plan.steps[name].spec.says[0])
    return order


def failed(*done: str, spec: Spec = ORDERS) -> Story:
    """The same, cancelled."""
    order = placed(*done, spec=spec)
    order.cancels()
    return order
