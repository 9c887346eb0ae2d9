"""Quotes, and the index by which what happened to one hold is found in the journal."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import AddConstraint, CreateModel, Operation, RunSQL

from models.statements import statement


class Migration(migrations.Migration):
    """The second step."""

    dependencies = [("models", "m0001_foundation")]  # noqa: RUF012 - the base class declares it so

    operations: list[Operation] = [  # noqa: RUF012 - the base class declares it so
        CreateModel(
            name="Quote",
            fields=[
                ("quote_id", fields.BigIntField(primary_key=True, generated=False)),
                ("owner_id", fields.UUIDField()),
                (
                    "tenant",
                    fields.ForeignKeyField(
                        "models.Tenant", related_name="quotes", source_field="tenant_id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("price_book_version", fields.IntField()),
                ("lines", fields.TextField()),
                ("total", fields.BigIntField()),
                ("created_at", fields.DatetimeField()),
                ("expires_at", fields.DatetimeField()),
                ("kept_until", fields.DatetimeField()),
            ],
            options={"table": "quote", "app": "models", "table_description": "Locked prices"},
            bases=["Model"],
        ),
        AddConstraint("Quote", CheckConstraint(name="quote_id_positive", check="quote_id > 0")),
        AddConstraint("Quote", CheckConstraint(name="quote_total_not_negative", check="total >= 0")),
        AddConstraint("Quote", CheckConstraint(name="quote_ends_after_it_begins", check="expires_at > created_at")),
        RunSQL([statement("complete_quotes"), statement("index_hold_entries")]),
        RunSQL(statement("secure_tables")),
    ]
