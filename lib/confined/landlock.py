"""Landlock: a process restricts itself and its children to the files it names.

Rights and structures: https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import stat

from lib.confined import kernel

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on all architectures
GET_VERSION, PATH_BENEATH = 1, 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
WRITE_FILE, REMOVE_FILE, MAKE_REGULAR, TRUNCATE = 1 << 1, 1 << 5, 1 << 8, 1 << 14
READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_FILE | MAKE_REGULAR | TRUNCATE  # files only: no folders, links, sockets or devices
FOR_FILES = READ_FILE | WRITE_FILE | TRUNCATE  # what can be granted on a path that is no folder
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # number of rights by version; later ones have as many as the last
TRUNCATION = 3  # the first version that keeps a program from emptying files that it may not write
NETWORK_RIGHTS, SCOPES = 0b11, 0b11  # binding and connecting by TCP; abstract sockets and signals


def version() -> int:
    """Version of the kernel's Landlock; 0 if it has none or has it switched off."""
    try:
        return kernel.syscall(CREATE_RULESET, None, 0, GET_VERSION)
    except OSError:
        return 0


def restrict(readable: list[str], writable: list[str]) -> None:
    """From here on: read what lies beneath `readable`, write beneath `writable`, and reach no other file.

    Where the kernel's version knows of them, TCP, abstract sockets and signals to outside are given up too.

    Raises:
        OSError: the kernel has no Landlock, or a path does not exist.
    """
    abi = version()
    handled = (1 << FILE_RIGHTS.get(abi, 16)) - 1
    fields = [handled, NETWORK_RIGHTS, SCOPES][: 3 if abi >= 6 else 2 if abi >= 4 else 1]
    ruleset = (ctypes.c_uint64 * len(fields))(*fields)
    rules = kernel.syscall(CREATE_RULESET, ctypes.addressof(ruleset), ctypes.sizeof(ruleset), 0)
    for rights, paths in ((READ, readable), (WRITE, writable)):
        for path in paths:
            _allow(rules, path, rights & handled)
    kernel.prctl(kernel.SET_NO_NEW_PRIVILEGES, 1)
    kernel.syscall(RESTRICT_SELF, rules, 0)
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        rights &= FOR_FILES
    rule = rights.to_bytes(8, "little") + place.to_bytes(4, "little")
    kernel.syscall(ADD_RULE, rules, PATH_BENEATH, rule, 0)
    os.close(place)
