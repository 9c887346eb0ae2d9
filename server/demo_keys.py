"""The demo's keys: one file in the data directory, readable by its owner alone."""

import json
import os
from pathlib import Path

from models.database import Database
from rules.identity import IdKind, public_id
from server.data_directory import make_private_directory
from server.root_key import load_root_key
from server.settings import Settings
from services.credentials import Credentials
from services.demo import DemoTenant, renew_demo_keys, seed_demo_tenants
from services.shipped_price_books import ShippedPriceBooks
from services.tenants import Tenants

FILE_NAME = "demo-keys.json"


async def seed_demo_data(dsn: str, settings: Settings) -> None:
    """Gives an empty database one TEST tenant per price book, and the data directory the file with their keys.

    Where the tenants are there and the file is not, new keys are made, because the old ones cannot be read back.
    """
    path = settings.data_dir / FILE_NAME
    shipped = ShippedPriceBooks()
    async with await Database.open(dsn, pool_size=1, spanning_pool_size=1) as database:
        seeded = await seed_demo_tenants(Tenants(database, shipped), shipped)
        if not seeded and not path.exists():
            seeded = await renew_demo_keys(database, Credentials(database, root_key=load_root_key(settings)), shipped)
    if seeded:
        make_private_directory(settings.data_dir)
        _write(path, seeded)


def _write(path: Path, tenants: dict[str, DemoTenant]) -> None:
    """All of the file or nothing of it, private from its first byte."""
    content = {
        slug: {"tenantId": public_id(IdKind.TENANT, tenant.tenant_id), "secretKey": tenant.secret_key}
        for slug, tenant in tenants.items()
    }
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
