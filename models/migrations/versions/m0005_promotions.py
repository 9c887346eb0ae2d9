"""Promo codes, referrals, loyalty, saved workflows and projects."""

from tortoise import migrations
from tortoise.migrations.operations import Operation, RunSQL

from models.statements import statement


class Migration(migrations.Migration):
    """The fifth step."""

    dependencies = [("models", "m0004_teams")]  # noqa: RUF012 - the base class declares it so

    operations: list[Operation] = [  # noqa: RUF012 - the base class declares it so
        RunSQL([statement("make_promo_codes"), statement("make_referrals"), statement("make_loyalty")]),
        RunSQL([statement("make_workflows"), statement("make_projects")]),
        RunSQL(statement("secure_tables")),
    ]
