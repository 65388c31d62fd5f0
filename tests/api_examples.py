"""Uses of the public names, checked by mypy alone (test_types.py): each comment is the type that it must reveal."""

import io
from pathlib import Path
from typing import reveal_type

import chatseal
from chatseal import BackupKey, PrivateKey, PublicKey, SigningKey, VerifyingKey

key = BackupKey.generate()
pair = PrivateKey.generate()

reveal_type(key)  # chatseal.keys.backup_key.BackupKey
reveal_type(key.digits)  # str
reveal_type(BackupKey.from_digits("0"))  # chatseal.keys.backup_key.BackupKey
reveal_type(PublicKey.from_text("x"))  # chatseal.keys.key_pair.PublicKey
reveal_type(pair.public_key)  # chatseal.keys.key_pair.PublicKey

holders: list[BackupKey | PublicKey] = [key, pair.public_key]
reveal_type(chatseal.seal("plain", "sealed", key))  # chatseal.events.Summary
reveal_type(chatseal.seal(Path("plain"), io.BytesIO(), holders, level=1, threads=2, memory=1 << 30))  # chatseal.events.Summary
reveal_type(chatseal.seal(bytearray(5), io.BytesIO(), pair.public_key, progress=print))  # chatseal.events.Summary
reveal_type(chatseal.unseal("sealed", bytearray(5), pair))  # chatseal.events.Summary
reveal_type(chatseal.verify(io.BytesIO(), [key, pair]))  # chatseal.events.Summary
reveal_type(chatseal.seal_bytes(memoryview(b"x"), key))  # bytes
reveal_type(chatseal.unseal_bytes(b"x", pair))  # bytes
reveal_type(chatseal.seal_chunks([b"x", bytearray()], key))  # typing.Iterator[bytes]
reveal_type(chatseal.unseal_chunks(iter([b"x"]), key))  # typing.Iterator[bytes]
reveal_type(chatseal.seal_many(["a", Path("b")], "folder", key))  # typing.Generator[chatseal.events.FileReport, None, None]
reveal_type(chatseal.unseal_many([Path("b")], "folder", key))  # typing.Generator[chatseal.events.FileReport, None, None]

reveal_type(chatseal.slots("sealed"))  # list[chatseal.events.SlotReport]
reveal_type(chatseal.slots(b"x", [key, pair])[0].opened_by)  # tuple[int, ...]
reveal_type(chatseal.add_holder("sealed", pair, [key, pair.public_key]))  # chatseal.events.HolderChange
reveal_type(chatseal.remove_holder(Path("sealed"), key, [1, pair]))  # chatseal.events.HolderChange
reveal_type(chatseal.rotate_key("sealed", [key, pair], pair.public_key, reseal=True, threads=1).changed)  # bool
signer = SigningKey.generate()
author = VerifyingKey.from_file("me.sign.pub")
reveal_type(signer.verifying_key)  # chatseal.keys.signing_key.VerifyingKey
reveal_type(author)  # chatseal.keys.signing_key.VerifyingKey
reveal_type(chatseal.seal("plain", "sealed", key, sign=signer, padded=True))  # chatseal.events.Summary
reveal_type(chatseal.verify("sealed", key, author=author).signer)  # str | None

with chatseal.open("sealed", key=key) as reader:
    reveal_type(reader.signer)  # chatseal.keys.signing_key.VerifyingKey | None
    reveal_type(reader)  # chatseal.sealing.reader.SealedReader
    reveal_type(reader.read(5))  # bytes

with chatseal.open("sealed", "wb", key=holders) as writer:
    reveal_type(writer)  # chatseal.sealing.writer.SealedWriter
    reveal_type(writer.write(b"x"))  # int
    reveal_type(writer.summary)  # chatseal.events.Summary | None

with chatseal.Store.create("folder", [key, chatseal.Password("long")]) as store:
    reveal_type(store)  # chatseal.snapshots.store.Store
    reveal_type(store.backup("chat.db", Path("media"), streams={"x": io.BytesIO(), "y": ["cat", "z"]}))  # chatseal.events.Backup
    reveal_type(store.snapshots()[0].tags)  # tuple[str, ...]
    snapshot = chatseal.Store("folder", key=key).snapshot("latest")
    reveal_type(snapshot.restore(Path("out"), "media").failed)  # tuple[tuple[str, str], ...]
    reveal_type(snapshot.open("chat.db").size)  # int
    reveal_type(next(iter(snapshot.entries())).path)  # str
    reveal_type(store.check(share=0.05).hurt)  # tuple[str, ...]
chatseal.Store.create("folder", pair)  # type: ignore[arg-type]  # a private key holds nothing
only = chatseal.CaptureOptions(chatseal.Patterns(exclude=["*.tmp"]), exclude_caches=True)
store.backup("media", options=chatseal.BackupOptions(tags=("evening",), capture=only))

chatseal.recovery_sheet(key, Path("sheet.pdf"), name="Anna", stores=["s3://anna"], vaults=(), paper="letter")
chatseal.recovery_sheet(key, "sheet.pdf", paper="napkin")  # type: ignore[arg-type]  # two papers
chatseal.recovery_sheet(pair, "sheet.pdf")  # type: ignore[arg-type]  # a private key has too many digits
chatseal.seal("plain", "sealed", pair)  # type: ignore[arg-type]  # what opens does not seal
chatseal.unseal("sealed", "plain", pair.public_key)  # type: ignore[arg-type]  # and the other way round
chatseal.add_holder("sealed", key, pair)  # type: ignore[arg-type]  # a holder is who can be sealed for
chatseal.seal("plain", "sealed", key, sign=author)  # type: ignore[arg-type]  # who only verifies does not sign
