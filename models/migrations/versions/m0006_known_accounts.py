"""The ledger's third functions: accounts that a process remembers are not loaded again, and short rows are written."""

from tortoise import migrations
from tortoise.migrations.operations import Operation, RunSQL

from models.migrations.ledger_sql import ledger_sql


class Migration(migrations.Migration):
    """The sixth step."""

    dependencies = [("models", "m0005_promotions")]  # noqa: RUF012 - the base class declares it so

    operations: list[Operation] = [RunSQL(ledger_sql("m0006"))]  # noqa: RUF012 - the base class declares it so
