"""Where a workflow's imports come from, once its prefix is known."""

from __future__ import annotations

from minuet.errors import DefinitionError
from minuet.spec.model import Spec


def refuse_shared(spec: Spec) -> None:
    """Refuse imports of the workflow's own log, and two of the same records.

    What was said of prefixes names a log only together with the prefix that the workflow has.

    Raises:
        DefinitionError: says which import.
    """
    for topic, imports in spec.import_topics.items():
        first = imports[0].type
        if topic == spec.log_topic:
            message = f"{first} would come from the saga's own log, {topic}"
            raise DefinitionError(message, mend="let a step say it", rule="import")
        named = [each.named for each in imports]
        for number, each in enumerate(imports):
            if each.named in named[:number]:
                message = f"{each.type} is made of the same records of {topic} as another import"
                mend = "a record becomes one event: import it once, and let steps need that"
                raise DefinitionError(message, mend=mend, rule="import")
