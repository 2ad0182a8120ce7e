"""Whether a file is on this machine: SQLite's WAL needs memory that all its users share."""

from __future__ import annotations

import re
from pathlib import Path

_NETWORK = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb2",
        "smb3",
        "smbfs",
    ]
)
_NETWORK_FUSE = frozenset(
    [
        "blobfuse",
        "blobfuse2",
        "ceph-fuse",
        "curlftpfs",
        "davfs2",
        "gcsfuse",
        "geesefs",
        "glusterfs",
        "goofys",
        "gvfsd-fuse",
        "juicefs",
        "mountpoint-s3",
        "objectivefs",
        "rclone",
        "s3fs",
        "seaweedfs",
        "smbnetfs",
        "sshfs",
    ]
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def mounts() -> str:
    """The system's table of mounts; empty where it is not told."""
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def is_network_filesystem(path: Path, mounts_text: str) -> bool:
    """Whether `path`, which need not exist yet, is on a filesystem of another machine.

    Args:
        path: Links in it are followed.
        mounts_text: As in `/proc/self/mounts`: device, mount point, type and more on each line.
    """
    real, best, kind = path.resolve(), -1, ""
    for line in mounts_text.splitlines():
        words = line.split(" ")
        if len(words) > 2:  # noqa: PLR2004 - device, mount point, type
            point = Path(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), words[1]))
            # Of two mounts on one point the later one is seen.
            if real.is_relative_to(point) and len(point.parts) >= best:
                best, kind = len(point.parts), words[2]
    return kind in _NETWORK or kind.removeprefix("fuse.") in _NETWORK_FUSE
