"""Usage sums rebuilt from the command line."""

from collections.abc import Callable

from server.existing_farebox import existing_farebox
from services.ledger.usage_rebuild import Rebuilt, rebuild_usage


async def rebuild_usage_of_database(dsn: str, name: str, *, progressed: Callable[[int, int], None]) -> Rebuilt:
    """Works out the usage sums of the database at `dsn`, which people know as `name`, anew.

    Raises NoDatabase where no server has prepared it, or only an older one.
    """
    async with existing_farebox(dsn, name) as database:
        return await rebuild_usage(database, progressed=progressed)
