"""The root key: given by the environment, or made once and kept in the data directory."""

import os
from pathlib import Path

from server.data_directory import ROOT_KEY_FILE, DataDirectoryUnusable, make_private_directory
from server.settings import ROOT_KEY_LENGTH_MAX, ROOT_KEY_LENGTH_MIN, Settings
from services.secret_key import new_root_key


def load_root_key(settings: Settings) -> str:
    """The root key of this server, made on the first call. Safe in several processes at once.

    Raises DataDirectoryUnusable when the kept key cannot be read or written, or is none.
    """
    if settings.root_key is not None:
        return settings.root_key
    path = settings.data_dir / ROOT_KEY_FILE
    make_private_directory(settings.data_dir)
    try:
        if not path.exists():
            _keep(path, new_root_key())
        key = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise DataDirectoryUnusable(f"the root key in {path} cannot be used: {error.strerror}") from error
    if not ROOT_KEY_LENGTH_MIN <= len(key) <= ROOT_KEY_LENGTH_MAX:
        raise DataDirectoryUnusable(f"{path} holds no root key; remove the file to get a new one")
    return key


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _keep(path: Path, key: str) -> None:
    own = path.with_name(f"{path.name}.{os.getpid()}")
    own.unlink(missing_ok=True)
    with open(own, "x", encoding="ascii", opener=_open_private) as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # Linked into place whole: whoever comes second takes the first one's key.
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        own.unlink()
