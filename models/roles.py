"""The database's roles, and the settings with which a session takes one.

The owner (the role of DATABASE_URL) migrates. `farebox_server` sees one tenant at a time, `farebox_writer` all of them;
neither can log in: a session takes one with the startup setting `role`. Where the owner may not create roles, one role
does all the work: sessions that span tenants then say so with `farebox.spanning`, and row-level security stays in force
for the others.
"""

from __future__ import annotations

from enum import StrEnum

TENANTS_SETTING = "farebox.tenants"
"""Comma-separated tenant ids whose rows this transaction may see; always set locally."""

SPANNING_SETTING = "farebox.spanning"
"""`on` in sessions that span tenants; read by the policies only where one role does all the work."""


class Role(StrEnum):
    """Whose rights a session has."""

    OWNER = "owner"
    SERVER = "farebox_server"
    WRITER = "farebox_writer"


def session_settings(role: Role, *, has_own_roles: bool) -> dict[str, str]:
    """The startup settings that give a session this role's view."""
    match role:
        case Role.OWNER:
            return {}
        case Role.SERVER:
            return {"role": role.value} if has_own_roles else {}
        case Role.WRITER:
            return {"role": role.value} if has_own_roles else {SPANNING_SETTING: "on"}
