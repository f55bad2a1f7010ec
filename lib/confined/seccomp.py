"""Seccomp: a process restricts itself and its children to the system calls named here.

There are two filters, as a long one takes a while to install. The outer one, installed once, allows what the sandbox's
own processes need. The inner one, installed by every program, denies what remains of that: a program can compute, start
threads, read and write files that it may open anyway, and nothing else. It has no processes, no sockets but pairs of
its own, no other program, no folders or links, no shared memory, and signals to itself only.
Filters: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import errno
import os
import struct

from lib.confined import kernel

# Numbers on x86_64 and aarch64; "-" where an architecture does not have the call.
CALLS = """
read 0 63          write 1 64         readv 19 65         writev 20 66        pread64 17 67        pwrite64 18 68
preadv 295 69      pwritev 296 70     preadv2 327 286     pwritev2 328 287    lseek 8 62           sendfile 40 71
open 2 -           openat 257 56      creat 85 -          close 3 57           close_range 436 436
stat 4 -           fstat 5 80         lstat 6 -           newfstatat 262 79   statx 332 291        access 21 -
faccessat 269 48   faccessat2 439 439 readlink 89 -       readlinkat 267 78   getdents 78 -        getdents64 217 61
statfs 137 43      fstatfs 138 44     getcwd 79 17        chdir 80 49         fchdir 81 50         umask 95 166
unlink 87 -        unlinkat 263 35    rename 82 -         renameat 264 38     renameat2 316 276    truncate 76 45
ftruncate 77 46    fsync 74 82         fdatasync 75 83     flock 73 32
copy_file_range 326 285
fadvise64 221 223  dup 32 23          dup2 33 -           dup3 292 24         pipe 22 -            pipe2 293 59
select 23 -        pselect6 270 72    poll 7 -            ppoll 271 73        mmap 9 222           munmap 11 215
mprotect 10 226    mremap 25 216      madvise 28 233      brk 12 214          membarrier 324 283   futex 202 98
futex_waitv 449 449 set_robust_list 273 99 get_robust_list 274 100 rseq 334 293 set_tid_address 218 96 arch_prctl 158 -
exit 60 93         exit_group 231 94  rt_sigaction 13 134 rt_sigprocmask 14 135 rt_sigreturn 15 139 sigaltstack 131 132
rt_sigpending 127 136 rt_sigtimedwait 128 137 rt_sigsuspend 130 133 restart_syscall 219 128 pause 34 - alarm 37 -
getitimer 36 102   setitimer 38 103   nanosleep 35 101    clock_nanosleep 230 115 clock_gettime 228 113
clock_getres 229 114 gettimeofday 96 169 time 201 -       times 100 153       getrusage 98 165     getrlimit 97 163
setrlimit 160 164  sched_yield 24 124 sched_getaffinity 204 123 getcpu 309 168 getpid 39 172       getppid 110 173
gettid 186 178     getuid 102 174     geteuid 107 175     getgid 104 176      getegid 108 177      getgroups 115 158
getresuid 118 148  getresgid 120 150  getpgrp 111 -       getpgid 121 155     getsid 124 156       uname 63 160
sysinfo 99 179     getrandom 318 278  wait4 61 260        waitid 247 95
epoll_create1 291 20 epoll_ctl 233 21 epoll_wait 232 -    epoll_pwait 281 22  getsockname 51 204   getsockopt 55 209
"""
# Calls of the sandbox itself, which a program keeps for some uses only, or not at all; by first or second argument.
OWN = """
clone 56 220       kill 62 129        tkill 200 130      tgkill 234 131      prlimit64 302 261    prctl 157 167
fcntl 72 25        ioctl 16 29        memfd_create 319 279 pidfd_open 434 434 sendto 44 206       recvfrom 45 207
seccomp 317 277    socketpair 53 199
"""
CLONE3 = 435
NEWEST = 462  # highest number at the time of writing; newer calls do not exist for the program
ITSELF = 0x7EADBEEF
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
OTHER_NUMBERS = 0x40000000  # x86_64 has a second set of numbers, from here on
CLONE_THREAD = 0x10000
THREAD_NAMES = (15, 16, 0x53564D41)  # prctl: set and get a thread's name, name a piece of memory
DUPLICATES_FLAGS_LOCKS = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032)  # fcntl: everything but asking for signals
ASKS_OF_FILES = (0x5401, 0x5421, 0x5450, 0x5451, 0x541B)  # ioctl: is it a terminal, flags, how much can be read

LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE = 0, 4  # offsets in what the filter sees
FIRST, SECOND, THIRD, SIXTH = 16, 24, 32, 56  # low halves of arguments
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NOT_PERMITTED, UNKNOWN, NOT_HERE = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS, REFUSE | errno.EOPNOTSUPP
KILL, AF_UNIX, UNNAMED_FILE = 9, 1, 0o20000000

Instruction = tuple[int, int, int, int]  # code, how far to jump if true and if false, constant


def available() -> bool:
    """Whether this architecture is in the tables and the kernel takes filters."""
    if os.uname().machine not in ARCHITECTURES:
        return False
    try:
        kernel.prctl(kernel.SET_SECCOMP, 2, 0)
    except OSError as error:
        return error.errno == errno.EFAULT  # it has looked for the filter at the address 0
    return False


def outer() -> bytes:
    """The filter for the sandbox itself, in the kernel's form."""
    column, architecture = ARCHITECTURES[os.uname().machine]
    lines = [(LOAD, 0, 0, ARCHITECTURE), (JUMP_IF_EQUAL, 1, 0, architecture), (RETURN, 0, 0, NOT_PERMITTED)]
    lines += [(LOAD, 0, 0, NUMBER), (JUMP_IF_AT_LEAST, 0, 1, OTHER_NUMBERS), (RETURN, 0, 0, NOT_PERMITTED)]
    for number in sorted([*numbers(CALLS, column).values(), *numbers(OWN, column).values()]):
        lines += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    # the C library starts threads by clone3, whose flags no filter can read, and by clone where there is no clone3
    lines += [(JUMP_IF_EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, UNKNOWN)]
    lines += [(JUMP_IF_AT_LEAST, 0, 1, NEWEST + 1), (RETURN, 0, 0, UNKNOWN)]
    return _packed([*lines, (RETURN, 0, 0, NOT_PERMITTED)])


def inner(keeps_files: bool) -> bytes:
    """The filter for a program, with `ITSELF` in place of its process id.

    `keeps_files`: whether it may not delete, replace or leave unnamed what it has written, as on a file system without
    a limit of its own its files are counted by their names.
    """
    column, _ = ARCHITECTURES[os.uname().machine]
    never, always = ((RETURN, 0, 0, NOT_PERMITTED),), ((RETURN, 0, 0, ALLOW),)
    rules = dict.fromkeys(numbers(OWN, column), never) | {
        "clone": _only(FIRST, CLONE_THREAD, test=JUMP_IF_BITS),
        # a death by this signal shows that something else than the program sent it
        **dict.fromkeys(("kill", "tkill"), _unless(SECOND, KILL) + _only(FIRST, ITSELF)),
        "tgkill": _unless(THIRD, KILL) + _only(FIRST, ITSELF),
        "prlimit64": _only(FIRST, 0, ITSELF),
        "prctl": _only(FIRST, *THREAD_NAMES),
        "fcntl": _only(SECOND, *DUPLICATES_FLAGS_LOCKS),
        "ioctl": _only(SECOND, *ASKS_OF_FILES),
        "socketpair": _only(FIRST, AF_UNIX),  # which reaches nothing but itself, as long as no address is given
        "sendto": _only(SIXTH, 0),
        "recvfrom": always,
    }
    if keeps_files:
        rules |= {
            **dict.fromkeys(("unlink", "unlinkat", "rename", "renameat", "renameat2"), never),
            "open": _unless(SECOND, UNNAMED_FILE, NOT_HERE, JUMP_IF_BITS) + always,
            "openat": _unless(THIRD, UNNAMED_FILE, NOT_HERE, JUMP_IF_BITS) + always,
        }
    known = numbers(CALLS, column) | numbers(OWN, column)
    lines = [(LOAD, 0, 0, NUMBER)]
    for name, rule in rules.items():
        if name in known:
            lines += [(JUMP_IF_EQUAL, 0, len(rule), known[name]), *rule]
    return _packed([*lines, (RETURN, 0, 0, ALLOW)])


def _only(offset: int, *values: int, test: int = JUMP_IF_EQUAL) -> tuple[Instruction, ...]:
    """A rule that allows a call for some values of an argument."""
    tests = [line for value in values for line in ((test, 0, 1, value), (RETURN, 0, 0, ALLOW))]
    return ((LOAD, 0, 0, offset), *tests, (RETURN, 0, 0, NOT_PERMITTED))


def _unless(offset: int, value: int, answer: int = NOT_PERMITTED, test: int = JUMP_IF_EQUAL) -> tuple[Instruction, ...]:
    """The beginning of a rule: refuse a call for a value of an argument."""
    return (LOAD, 0, 0, offset), (test, 0, 1, value), (RETURN, 0, 0, answer)


def restrict(code: bytes) -> None:
    """Install a filter; needs SET_NO_NEW_PRIVILEGES. An OSError if the kernel refuses."""
    kept = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept)))
    kernel.prctl(kernel.SET_SECCOMP, 2, ctypes.addressof(header))


def numbers(table: str, column: int) -> dict[str, int]:
    """System calls of a table with their numbers; column 0 is x86_64, 1 is aarch64."""
    fields = table.split()
    listed = zip(fields[::3], fields[1 + column :: 3], strict=True)
    return {name: int(number) for name, number in listed if number != "-"}


def _packed(lines: list[Instruction]) -> bytes:
    return b"".join(struct.pack("HBBI", *line) for line in lines)
