"""The demo's keys: one file in the data directory, readable by its owner alone."""

import json
import os
from collections.abc import Collection
from pathlib import Path

from models.database import Database
from rules.identity import IdKind, public_id
from server.data_directory import DEMO_KEYS_FILE, make_private_directory
from server.root_key import load_root_key
from server.settings import Settings
from services.credentials import Credentials
from services.demo import DemoTenant, open_demo_tenants, seed_demo_tenants
from services.shipped_price_books import ShippedPriceBooks


async def seed_demo_data(database: Database, settings: Settings) -> Collection[str]:
    """Makes the demo tenants that may be made, and a file with keys that open them; returns the slugs in it.

    The file belongs to whatever database it was written for. A key in it that does not open its tenant here, as after
    another DATABASE_URL, is replaced by a new one; where all of them do, or none is needed, the file stays as it is.
    """
    path = settings.data_dir / DEMO_KEYS_FILE
    shipped = ShippedPriceBooks()
    kept = _read_keys(path)
    made = await seed_demo_tenants(database, shipped)
    keys = kept | {slug: tenant.secret_key for slug, tenant in made.items()}
    credentials = Credentials(database, root_key=load_root_key(settings))
    opened = await open_demo_tenants(database, credentials, shipped, keys)
    if opened and any(kept.get(slug) != tenant.secret_key for slug, tenant in opened.items()):
        make_private_directory(settings.data_dir)
        _write(path, opened)
    return opened.keys()


def _read_keys(path: Path) -> dict[str, str]:
    """The keys by slug; of a file that is none of ours, none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(slug): str(tenant["secretKey"]) for slug, tenant in content.items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(path: Path, tenants: dict[str, DemoTenant]) -> None:
    """All of the file or nothing of it, private from its first byte."""
    content = {
        slug: {"tenantId": public_id(IdKind.TENANT, tenant.tenant_id), "secretKey": tenant.secret_key}
        for slug, tenant in sorted(tenants.items())
    }
    unfinished = path.with_suffix(f".new-{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
