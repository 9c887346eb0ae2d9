"""Becomes a command that ends when its parent ends, a killed parent included.

Run as a script: `python -I -S end_with_parent.py PARENT_PID PRIVILEGES SIGNAL COMMAND…`. It replaces itself by the
command, so the process id stays and nothing of Python remains in memory.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

KEEP_PRIVILEGES = "keep"
OWN_USER_NAMESPACE = "user-namespace"

# Postgres refuses to run as root. Inside its own user namespace root is seen as this ordinary user, and still owns
# root's files outside, so that no directory has to be opened to anybody.
NAMESPACE_USER_ID = 65534

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000


def _enter_user_namespace() -> None:
    user_id, group_id = os.geteuid(), os.getegid()
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"no user namespace: {os.strerror(number)}")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{NAMESPACE_USER_ID} {user_id} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{NAMESPACE_USER_ID} {group_id} 1", encoding="ascii")


def _ask_for_a_signal_at_the_death_of_the_parent(number: signal.Signals) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the signal at the death of the parent was refused")


def main(arguments: list[str]) -> int:
    """Sets up the process as asked and turns into the command. Returns only on failure, with the exit code."""
    parent_pid, privileges, signal_name, *command = arguments
    try:
        if privileges == OWN_USER_NAMESPACE:
            _enter_user_namespace()
        # After every change of identity, because such a change clears the request.
        if sys.platform == "linux":
            _ask_for_a_signal_at_the_death_of_the_parent(signal.Signals[signal_name])
        if os.getppid() != int(parent_pid):
            return 1  # The parent died before the kernel knew of the request.
        os.execv(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
    return 126


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
