"""File systems over which the locks of a database may not reach everybody who writes to it."""

from chatseal import _pages

SHARED = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFE534D42: "SMB",
    0xFF534D42: "SMB",
    0x01021997: "9p",  # folders of a host in a virtual machine, and of Windows in WSL
    0x65735546: "FUSE",  # also virtiofs and SSHFS
    0x786F4256: "VirtualBox",
    0xBACBACBC: "VMware",
    0x00C36400: "Ceph",
    0x5346414F: "AFS",
    0x73757245: "Coda",
    0x0BD00BD0: "Lustre",
    0x47504653: "GPFS",
    0x19830326: "BeeGFS",
    0x01161970: "GFS2",
    0x7461636F: "OCFS2",
}
CLONES = {0x9123683E, 0x58465342, 0xCA451A4E, 0x2FC12FC1}  # Btrfs, XFS, bcachefs, ZFS: may make a copy by reference


def shared_name(path: bytes) -> str | None:
    """What the file system of *path* is called if other hosts may write to it, else None."""
    return SHARED.get(_pages.file_system(path))


def may_clone(path: bytes) -> bool:
    return _pages.file_system(path) in CLONES
