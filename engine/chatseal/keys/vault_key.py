"""Vault key: a backup key that a vault keeps too, as a holder: its slot says where, so that whoever has the file and the password knows."""

from dataclasses import dataclass

from chatseal.format.vault_place import VaultPlace
from chatseal.keys.backup_key import BackupKey


@dataclass(frozen=True, slots=True, eq=False)
class VaultKey:
    """A backup key and where a vault keeps it. It seals; what it sealed, the backup key opens, wherever it comes from."""

    key: BackupKey
    place: VaultPlace
