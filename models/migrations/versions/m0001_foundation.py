"""Tenants, keys, account profiles, price books; the ledger; roles' rights and row-level security."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import AddConstraint, CreateModel, Operation, RunSQL

from models.account import AccountKind
from models.api_key import ApiKeyKind
from models.migrations.ledger_sql import ledger_sql
from models.statements import statement
from models.tenant import TenantMode


class Migration(migrations.Migration):
    """The first step, from an empty database."""

    initial = True

    operations: list[Operation] = [  # noqa: RUF012 - the base class declares it so
        CreateModel(
            name="Tenant",
            fields=[
                ("id", fields.UUIDField(primary_key=True)),
                ("slug", fields.CharField(max_length=63, unique=True)),
                ("name", fields.CharField(max_length=200)),
                ("mode", fields.CharEnumField(TenantMode, max_length=4, description="LIVE or TEST")),
                ("clock_offset_micros", fields.BigIntField(default=0)),
                ("created_at", fields.DatetimeField()),
            ],
            options={"table": "tenant", "app": "models", "table_description": "AI products on this server"},
            bases=["Model"],
        ),
        CreateModel(
            name="ApiKey",
            fields=[
                ("id", fields.UUIDField(primary_key=True)),
                (
                    "tenant",
                    fields.ForeignKeyField(
                        "models.Tenant", related_name="api_keys", source_field="tenant_id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("kind", fields.CharEnumField(ApiKeyKind, max_length=16, description="What the key may do")),
                ("name", fields.CharField(max_length=200)),
                ("hint", fields.CharField(max_length=32)),
                ("secret_hash", fields.BinaryField()),
                ("created_at", fields.DatetimeField()),
                ("expires_at", fields.DatetimeField(null=True)),
                ("revoked_at", fields.DatetimeField(null=True)),
                ("last_used_at", fields.DatetimeField(null=True)),
            ],
            options={"table": "api_key", "app": "models", "table_description": "Credentials of backends, as hashes"},
            bases=["Model"],
        ),
        CreateModel(
            name="Account",
            fields=[
                ("account_id", fields.UUIDField(primary_key=True)),
                (
                    "tenant",
                    fields.ForeignKeyField(
                        "models.Tenant", related_name="accounts", source_field="tenant_id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("external_id", fields.CharField(max_length=255)),
                ("name", fields.CharField(max_length=200)),
                ("kind", fields.CharEnumField(AccountKind, max_length=8, description="PERSONAL or TEAM")),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "account",
                "app": "models",
                "table_description": "Profiles of accounts; their tokens are in ledger_account",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="PriceBookVersion",
            fields=[
                ("id", fields.UUIDField(primary_key=True)),
                (
                    "tenant",
                    fields.ForeignKeyField(
                        "models.Tenant",
                        related_name="price_books",
                        source_field="tenant_id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("version", fields.IntField()),
                ("slug", fields.TextField()),
                ("name", fields.TextField()),
                ("source", fields.TextField()),
                ("published_at", fields.DatetimeField()),
                ("effective_at", fields.DatetimeField()),
            ],
            options={"table": "price_book", "app": "models", "table_description": "Published price lists; immutable"},
            bases=["Model"],
        ),
        # A new model's constraints do not reach SQL by themselves, so each is an operation of its own.
        AddConstraint("Tenant", CheckConstraint(name="tenant_mode_known", check="mode IN ('LIVE', 'TEST')")),
        AddConstraint(
            "Tenant",
            CheckConstraint(name="tenant_live_clock_is_real", check="mode = 'TEST' OR clock_offset_micros = 0"),
        ),
        AddConstraint("ApiKey", UniqueConstraint(name="api_key_secret_hash_unique", fields=("secret_hash",))),
        AddConstraint("ApiKey", CheckConstraint(name="api_key_kind_known", check="kind IN ('SECRET')")),
        AddConstraint("ApiKey", CheckConstraint(name="api_key_hash_is_sha256", check="octet_length(secret_hash) = 32")),
        AddConstraint(
            "Account", UniqueConstraint(name="account_external_id_unique", fields=("tenant_id", "external_id"))
        ),
        AddConstraint("Account", CheckConstraint(name="account_kind_known", check="kind IN ('PERSONAL', 'TEAM')")),
        AddConstraint(
            "PriceBookVersion", UniqueConstraint(name="price_book_version_unique", fields=("tenant_id", "version"))
        ),
        AddConstraint("PriceBookVersion", CheckConstraint(name="price_book_version_positive", check="version >= 1")),
        RunSQL([statement("refuse_change"), statement("complete_cold_tables"), *ledger_sql("m0001")]),
        RunSQL(statement("secure_tables")),
    ]
