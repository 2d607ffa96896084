"""Which sagas are meant by what was typed for a replay onto a log."""

from __future__ import annotations

from minuet.cli.replay_wish import Wish
from minuet.cli.replayed import check_sagas
from minuet.cli.verify import progress_bar
from minuet.replay.outlook import Choice, choose
from minuet.replay.sources import Source, SourceSchemas
from minuet.replay.stopping import Stopping
from minuet.spec.assemble import Workflow


def chosen(wish: Wish, workflow: Workflow, source: Source, stopping: Stopping) -> Choice:
    """The sagas that are meant; all of them, if nothing else was asked for.

    Raises:
        BrokerError: the source cannot be read.
        UsageError: one that was asked for is not there, or there is no such event.
    """
    selection = wish.selection(workflow, SourceSchemas(source))
    if selection.everything and not wish.begin and not wish.limit:
        return Choice(None)
    with progress_bar("choosing", quiet=wish.json) as show:
        found, choice = choose(source, selection, wish.limit, stopping, show)
    if not stopping.code:
        wish.check_events(workflow, found.types)
        if not wish.limit:
            check_sagas(wish.sagas, found.sagas_seen, source.name)
    return choice
