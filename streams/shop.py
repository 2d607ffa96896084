"""Calls the services of a shop over HTTP: for the real forms of resources.

`minuet demo shop` is such a shop; `SHOP_URL` says where it is. Asked again under the same key, a
service does nothing more and gives the same answer.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from minuet import GiveUp, RetryLater

if TYPE_CHECKING:
    import aiohttp

VARIABLE = "SHOP_URL"
NEAR = "http://127.0.0.1:8099"  # where `minuet demo shop` listens by itself

# Far longer than any step's timeout: an answer that comes after that is still worth having.
_PATIENCE_S = 60.0
_CONNECT_S = 2.0


class Answer(NamedTuple):
    """What a service says: a reference to what it did, or why it refused."""

    reference: str = ""
    refused: str = ""
    late_days: int = 0  # of a parcel


class Shop:
    """The services, as one workflow calls them: the base of its resources' real forms.

    Attributes:
        workflow: in whose name they are called; the shop's ledger keeps it.
    """

    workflow: ClassVar[str]

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None

    async def do(self, what: str, saga: str, key: str, **about: str | int) -> Answer:
        """Ask for something to be done, under an idempotency key.

        Args:
            what: a service and its effect, as `payments/charge`.
            saga: the id of the saga it is for.
            key: the same whenever the same is asked for.
            about: what the service wants to know.

        Raises:
            RetryLater: no answer, or one that says that it does not work now.
            GiveUp: the service does not understand.
        """
        body = {"workflow": self.workflow, "saga": saga, **about}
        said = await self._post(what, body, {"Idempotency-Key": key})
        return Answer(said["reference"], said["refused"], said.get("late_days", 0))

    async def ask(self, what: str, **about: str | int) -> dict[str, Any]:
        """Ask something that has no effect; raises as `do`."""
        return await self._post(what, about, {})

    async def aclose(self) -> None:
        """Close the connections; the worker does so when it stops."""
        if self._client is not None:
            await self._client.close()

    async def _post(
        self, what: str, body: dict[str, str | int], headers: dict[str, str]
    ) -> dict[str, Any]:
        import aiohttp

        try:
            async with self._open().post(f"/{what}", json=body, headers=headers) as answer:
                return await _read(what, answer)
        except (aiohttp.ClientError, TimeoutError) as trouble:
            reason = f"{what}: {type(trouble).__name__}"
            raise RetryLater(reason) from trouble

    def _open(self) -> aiohttp.ClientSession:
        """The client, made when it is first needed: the import alone takes a tenth of a second."""
        if self._client is None:
            import aiohttp

            self._client = aiohttp.ClientSession(
                os.environ.get(VARIABLE) or NEAR,
                timeout=aiohttp.ClientTimeout(total=_PATIENCE_S, sock_connect=_CONNECT_S),
                connector=aiohttp.TCPConnector(limit=100),
            )
        return self._client


async def _read(what: str, answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """What an answer says; raises when it says that nothing was done."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        reason = f"{what}: HTTP {answer.status}"
        raise RetryLater(reason)
    if answer.status != HTTPStatus.OK:
        reason = f"{what}: HTTP {answer.status}: {(await answer.text())[:200]}"
        raise GiveUp(reason)
    said: dict[str, Any] = await answer.json()
    return said
