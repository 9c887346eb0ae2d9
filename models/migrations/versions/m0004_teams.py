"""Teams: members, windows and limits, alerts, usage by day, an outbox; the ledger's second functions."""

from tortoise import migrations
from tortoise.migrations.operations import Operation, RunSQL

from models.migrations.ledger_sql import ledger_sql
from models.statements import statement


class Migration(migrations.Migration):
    """The fourth step."""

    dependencies = [("models", "m0003_credentials")]  # noqa: RUF012 - the base class declares it so

    operations: list[Operation] = [  # noqa: RUF012 - the base class declares it so
        RunSQL(ledger_sql("m0004")),
        RunSQL(statement("count_past_holds")),
        RunSQL(statement("secure_tables")),
    ]
