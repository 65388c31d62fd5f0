"""Kinds: the systems that call commands by time, and which of them is here."""

from chatseal.automatic.schedules.call import Kind, ScheduleError
from chatseal.automatic.schedules.cron import Cron
from chatseal.automatic.schedules.launchd import Launchd
from chatseal.automatic.schedules.systemd import Systemd

KINDS: dict[str, Kind] = {kind.name: kind for kind in (Systemd(), Launchd(), Cron())}  # the first that is there is taken


def choose(name: str | None) -> Kind:
    """The kind of this *name*, or the one that is best here. Raises ScheduleError."""
    if name is not None:
        return KINDS[name]
    for kind in KINDS.values():
        if kind.is_there():
            return kind
    raise ScheduleError("there is neither systemd for this user, nor launchd, nor cron").with_remedy(
        "Have `chatseal run --due --quiet` called every hour by what there is, or name a --kind."
    )
