"""The demo's keys: one file in the data directory, readable by its owner alone."""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from models.database import Database
from rules.identity import IdKind, parse_public_id, public_id
from server.data_directory import DEMO_KEYS_FILE, FORMER_DEMO_KEYS_FILE, make_private_directory
from server.root_key import load_root_key
from server.settings import Settings
from services.credentials import Credentials
from services.demo import DemoTenant, open_demo_tenants, seed_demo_tenants
from services.shipped_price_books import ShippedPriceBooks

FORMER_KEYS_MAX: Final = 100
"""Keys of other databases that are remembered: of a score of databases, the latest."""


async def seed_demo_data(database: Database, settings: Settings) -> Collection[str]:
    """Makes the demo tenants that may be made, and a file with keys that open them; returns the slugs in it.

    The file belongs to whatever database it was written for. A key in it that does not open its tenant here, as after
    another DATABASE_URL, is replaced; where all of them do, or none is needed, the file stays as it is. Keys that are
    replaced are kept in a file beside it, so that who goes to and fro between databases makes no key each time.
    """
    path = settings.data_dir / DEMO_KEYS_FILE
    shipped = ShippedPriceBooks()
    kept, former = _read_keys(path), _read_former_keys(settings.data_dir / FORMER_DEMO_KEYS_FILE)
    made = await seed_demo_tenants(database, shipped)
    known = [*kept.values(), *made.values()]
    keys = former | {tenant.tenant_id: tenant.secret_key for tenant in known}
    credentials = Credentials(database, root_key=load_root_key(settings))
    opened = await open_demo_tenants(database, credentials, shipped, keys)
    if opened and any(kept.get(slug) != tenant for slug, tenant in opened.items()):
        make_private_directory(settings.data_dir)
        here = {tenant.tenant_id for tenant in opened.values()}
        elsewhere = [(tenant_id, key) for tenant_id, key in keys.items() if tenant_id not in here]
        if elsewhere:
            _write(
                settings.data_dir / FORMER_DEMO_KEYS_FILE,
                {_shown(tenant_id): key for tenant_id, key in elsewhere[-FORMER_KEYS_MAX:]},
            )
        _write(
            path,
            {
                slug: {"tenantId": _shown(tenant.tenant_id), "secretKey": tenant.secret_key}
                for slug, tenant in sorted(opened.items())
            },
        )
    return opened.keys()


def _read_keys(path: Path) -> dict[str, DemoTenant]:
    """The tenants with their keys by slug; of a file that is none of ours, none."""
    try:
        return {
            str(slug): DemoTenant(_tenant_id(tenant["tenantId"]), str(tenant["secretKey"]))
            for slug, tenant in _read(path).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _read_former_keys(path: Path) -> dict[UUID, str]:
    """The keys by tenant; of a file that is none of ours, none."""
    try:
        return {_tenant_id(tenant_id): str(key) for tenant_id, key in _read(path).items()}
    except (ValueError, AttributeError):
        return {}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _shown(tenant_id: UUID) -> str:
    return public_id(IdKind.TENANT, tenant_id)


def _tenant_id(text: object) -> UUID:
    parsed = parse_public_id(str(text))
    if parsed is None or parsed.kind is not IdKind.TENANT:
        raise ValueError("not a tenant's id")
    return parsed.owner


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """All of the file or nothing of it, private from its first byte."""
    unfinished = path.with_suffix(f".new-{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
