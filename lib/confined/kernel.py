"""System calls that Python's `os` does not offer, through the C library."""

import ctypes
import os

NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x40000000 | 0x20000000 | 0x04000000  # mount, ipc, net, pid, host name
NEW_USER = 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
UNMOUNT_LAZILY = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SET_PARENT_DEATH_SIGNAL, SET_DUMPABLE, SET_KEEP_CAPABILITIES, SET_SECCOMP, SET_NO_NEW_PRIVILEGES = 1, 4, 8, 22, 38
READ_ANYTHING = 1 << 2  # the capability CAP_DAC_READ_SEARCH
CAPABILITIES_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def call(function: str, *arguments: int | bytes | None) -> int:
    """Call a function of the C library; an OSError if it returns -1."""
    return _checked(getattr(_libc, function)(*map(_wide, arguments)), function)


def syscall(number: int, *arguments: object) -> int:
    """Call the kernel by number; an OSError if it refuses."""
    _libc.syscall.restype = ctypes.c_long
    return _checked(_libc.syscall(ctypes.c_long(number), *map(_wide, arguments)), f"system call {number}")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount; an OSError that names the target if the kernel refuses."""
    try:
        call("mount", os.fsencode(source), os.fsencode(target), kind.encode(), flags, options.encode())
    except OSError as error:
        raise OSError(error.errno, f"mount on {target}: {error.strerror}") from None


def pivot_root(folder: str) -> None:
    """Make `folder`, a mount of its own, the root of this process, and let go of the old root."""
    os.chdir(folder)
    syscall(PIVOT_ROOT[os.uname().machine], b".", b".")
    call("umount2", b".", UNMOUNT_LAZILY)
    os.chdir("/")


def keep_capabilities(kept: int = 0) -> None:
    """Drop every capability but those of a set of bits, for good."""
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept, 0)  # effective, permitted, inheritable; the upper halves follow
    call("capset", ctypes.addressof(header), ctypes.addressof(sets))


def prctl(option: int, *arguments: int) -> None:
    """Set a property of this process; an OSError if the kernel refuses."""
    call("prctl", option, *arguments, *[0] * (4 - len(arguments)))


def _wide(argument: object) -> object:
    # an int would be passed as 32 bits, which cuts addresses
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument


def _checked(result: int, name: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result
