"""Partner keys, keys of one account, client tokens, and the change log."""

from tortoise import fields, migrations
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import AddConstraint, AddField, Operation, RemoveConstraint, RunSQL

from models.statements import statement


class Migration(migrations.Migration):
    """The third step."""

    dependencies = [("models", "m0002_quotes")]  # noqa: RUF012 - the base class declares it so

    operations: list[Operation] = [  # noqa: RUF012 - the base class declares it so
        AddField("ApiKey", "account_id", fields.UUIDField(null=True)),
        AddField("ApiKey", "tokens_last_used_at", fields.DatetimeField(null=True)),
        RemoveConstraint("ApiKey", name="api_key_kind_known"),
        AddConstraint("ApiKey", CheckConstraint(name="api_key_kind_known", check="kind IN ('SECRET', 'PARTNER')")),
        AddConstraint(
            "ApiKey",
            CheckConstraint(name="api_key_of_an_account_reads", check="account_id IS NULL OR kind = 'PARTNER'"),
        ),
        RunSQL([statement("make_client_tokens"), statement("make_change_log")]),
        RunSQL(statement("secure_tables")),
    ]
