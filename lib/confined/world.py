"""File system and namespaces that a program sees: Python's own files, read-only, a few devices, and an empty folder.

Namespaces of the kernel make this world where they are permitted, bubblewrap where it is installed and allowed to;
elsewhere it is the whole machine, and Landlock and seccomp alone protect it.
"""

import os
import sys
import sysconfig

from lib.confined import kernel

SCRATCH = "/scratch"  # the only folder that a program may write to, in a world of its own
SCRATCH_FILES = 1024
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
PACKAGE_FOLDERS = ("numpy", "numpy.libs", "sortedcontainers")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache")  # what starting Python takes, for bubblewrap
FIRST_FREE_USER = 1 << 30  # nobody has the number of a process plus this, so a limit per user binds that process alone


def readable() -> list[str]:
    """Folders that a running Python may still want to read: the standard library and the packages offered."""
    library = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    sites = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    packages = {os.path.realpath(os.path.join(site, package)) for site in sites for package in PACKAGE_FOLDERS}
    return sorted(library | {folder for folder in packages if os.path.isdir(folder)})


def user_of(process: int) -> int:
    """The user that a sandbox runs as whose first process, seen from outside, has this number."""
    return FIRST_FREE_USER + process if os.geteuid() == 0 else os.geteuid()


def enter(base: str, size: int, shown: list[str]) -> None:
    """Move this process, which must have one thread, into namespaces that hold only what this module names.

    `base` is an existing folder that the new root is mounted on; files and folders of `shown` are in it, too.
    `SCRATCH`, of `size` bytes, is the only place to write. The process returns as the first one of its own; its other
    half waits for it and never returns.

    Raises:
        OSError: the kernel does not permit it; the process may then be half-way inside and should end.
    """
    user, is_root = user_of(os.getpid()), os.geteuid() == 0
    group = user if is_root else os.getegid()
    kernel.call("unshare", kernel.NEW_NAMESPACES | (0 if is_root else kernel.NEW_USER))
    if not is_root:
        _keep(user, group)
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    _build(base, shown, f"mode=700,uid={user},gid={group},size={size},nr_inodes={SCRATCH_FILES}")
    kernel.pivot_root(base)
    kernel.mount("none", "/", "", kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID)
    _become_first()
    if is_root:
        become(user)


def become(user: int) -> None:
    """From root to another user, for good; an OSError if that is not permitted."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def bubblewrap(command: list[str], size: int, program: str) -> list[str]:
    """The command that runs `command` in such a world by bubblewrap, whose executable is `program`."""
    own = {sys.prefix, sys.base_prefix, *readable(), os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}
    shown = [part for place in (*SYSTEM, *sorted(own)) for part in ("--ro-bind-try", place, place)]
    walls = ["--unshare-all", "--as-pid-1", "--die-with-parent", "--cap-drop", "ALL"]
    return [program, *walls, *shown, "--dev", "/dev", "--size", str(size), "--tmpfs", SCRATCH, "--", *command]


def _keep(user: int, group: int) -> None:
    """In a user namespace, be who one was before."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _build(base: str, shown: list[str], scratch_options: str) -> None:
    os.umask(0o022)
    kernel.mount("tmpfs", base, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m")
    for place in (*readable(), *shown):
        if os.path.isdir(place):
            os.makedirs(base + place, exist_ok=True)
        else:
            _touch(base + place)
        _show(place, base + place, kernel.MS_RDONLY | kernel.MS_NODEV)
    for device in DEVICES:
        _touch(base + device)
        _show(device, base + device, kernel.MS_NOEXEC)
    os.makedirs(base + SCRATCH)
    safe = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("tmpfs", base + SCRATCH, "tmpfs", safe, scratch_options)


def _touch(file: str) -> None:
    os.makedirs(os.path.dirname(file), exist_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_WRONLY))


def _show(place: str, target: str, flags: int) -> None:
    kernel.mount(place, target, "", kernel.MS_BIND | kernel.MS_REC)
    kept = os.statvfs(place).f_flag & (kernel.MS_NODEV | kernel.MS_NOEXEC | kernel.MS_RDONLY)  # not ours to take away
    kernel.mount("none", target, "", kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_NOSUID | flags | kept)


def _become_first() -> None:
    """Go on as the first process of the new process namespace; this process only waits for it."""
    child = os.fork()
    if child:
        os.closerange(0, 3)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
