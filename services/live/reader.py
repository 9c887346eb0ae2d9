"""What the live layer needs to know of an account, and who reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID


class Snapshot(Protocol):
    """What a subscriber is shown; snapshots of one account are ordered by (version, as_of)."""

    @property
    def version(self) -> int:
        """The account's latest journal entry."""

    @property
    def as_of(self) -> datetime:
        """The later of the version's instant and the last window reset shown."""

    @property
    def was_reset(self) -> bool:
        """Whether a window was reset since the version's instant, so that the same version shows something else."""

    @property
    def due_in_seconds(self) -> float | None:
        """Time from the read until something next falls due on the tenant's clock; None: nothing will."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where an account stands, without what it holds.

    `due_in_seconds` counts the same things as the snapshot's, 0 or less when overdue: an account whose two
    answers disagree by more than a second at one version is taken to have had its clock moved, and read again.
    """

    version: int
    due_in_seconds: float | None


SnapshotRead = TypeVar("SnapshotRead", bound=Snapshot, covariant=True)


class AccountReader(Protocol[SnapshotRead]):
    """Reads the database; its answers hold everything committed before the call began."""

    async def read(self, tenant_id: UUID, account_id: UUID) -> SnapshotRead | None:
        """The account now, with all that is due settled first; None when this tenant has no such account."""

    async def positions(self, accounts: Sequence[UUID]) -> Mapping[UUID, Position]:
        """Where these accounts stand, in one query that settles nothing; unknown accounts are left out."""
