"""Programs that try to get out of the sandbox, to harm the machine or to forge a verdict.

Each prints `escaped` if it gets what it wants, and that is the output its test expects: a program that passes has won.
`{...}` stands for what the test puts in: a file outside (`secret`), a folder outside (`folder`), this repository
(`root`), the port of a server on loopback (`port`), the path of a Unix socket (`socket`), the name of an abstract one
(`abstract`), another process (`victim`), and numbers of system calls.
"""

LIBC = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.syscall.restype = ctypes.c_long\n"

# What a program can do where there are no walls, which shows that the attempts are real.
REACHING = {
    "read a file": "open('{secret}').read()\nprint('escaped')",
    "read through a descriptor of a folder": """
import os
place = os.open('{folder}', os.O_RDONLY)
os.read(os.open('secret', os.O_RDONLY, dir_fd=place), 10)
print('escaped')""",
    "walk up from its own folder": "open('../' * 20 + '{secret}').read()\nprint('escaped')",
    "list a folder": "import os\nos.listdir('{folder}')\nprint('escaped')",
    "list the root": "import os\nassert 'sys' in os.listdir('/') or 'boot' in os.listdir('/')\nprint('escaped')",
    "ask whether a file exists": "import os\nif os.path.exists('{secret}'): print('escaped')",
    "read the grader's own source": "open('{root}/lib/confined/child.py').read(1)\nprint('escaped')",
    "read through /proc": "open('/proc/self/root{secret}').read()\nprint('escaped')",
    "read through a link": "import os\nos.symlink('{secret}', 'link')\nopen('link').read()\nprint('escaped')",
    "hold on to a file by a hard link": "import os\nos.link('{secret}', 'link')\nopen('link').read()\nprint('escaped')",
    "read the users of the machine": "open('/etc/passwd').read()\nprint('escaped')",
    "read another process's environment": "open('/proc/1/status').read()\nprint('escaped')",
    "write a file": "open('{folder}/new', 'w').write('x')\nprint('escaped')",
    "append to a file": "open('{secret}', 'a').write('x')\nprint('escaped')",
    "truncate a file": "import os\nos.truncate('{secret}', 0)\nprint('escaped')",
    "delete a file": "import os\nos.unlink('{folder}/doomed')\nprint('escaped')",
    "rename a file": "import os\nos.rename('{folder}/movable', '{folder}/moved')\nprint('escaped')",
    "make a folder outside": "import os\nos.mkdir('{folder}/inside')\nprint('escaped')",
    "change rights of a file": "import os\nos.chmod('{secret}', 0o777)\nprint('escaped')",
    "connect to a server on this machine": """
import socket
socket.create_connection(('127.0.0.1', {port}), 2).close()
print('escaped')""",
    "send a datagram": """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))
print('escaped')""",
    "listen": """
import socket
socket.create_server(('127.0.0.1', 0)).close()
print('escaped')""",
    "connect to a Unix socket": """
import socket
socket.socket(socket.AF_UNIX).connect('{socket}')
print('escaped')""",
    "connect to an abstract socket": """
import socket
socket.socket(socket.AF_UNIX).connect('\\0{abstract}')
print('escaped')""",
    "signal another process": "import os\nos.kill({victim}, 0)\nprint('escaped')",
    "see another process": "import os\nif os.path.exists('/proc/{victim}'): print('escaped')",
    "raise the limits of its parent": """
import os, resource
resource.prlimit(os.getppid(), resource.RLIMIT_CPU)
print('escaped')""",
    "read the environment": "import os\nif os.environ: print('escaped')",
    "read the environment by the C library": """
import ctypes
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
if libc.getenv(b'HOME') or libc.getenv(b'PATH') or libc.getenv(b'MIDTHOUGHT_SECRET'): print('escaped')""",
}

# What takes a filter of system calls to stop: programs have no processes of their own.
STARTING = {
    "fork": "import os\nif os.fork() == 0: os._exit(0)\nos.wait()\nprint('escaped')",
    "forkpty": "import os\npid, _ = os.forkpty()\nif pid == 0: os._exit(0)\nprint('escaped')",
    "subprocess": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])\nprint('escaped')",
    "posix_spawn": "import os, sys\nos.posix_spawn(sys.executable, ['python', '-c', ''], {{}})\nprint('escaped')",
    "shell": "import os\nif os.system(':') == 0: print('escaped')",
    "popen": "import os\nif os.popen('echo yes').read(): print('escaped')",
    "multiprocessing": """
import multiprocessing
process = multiprocessing.get_context('fork').Process(target=print)
process.start()
process.join()
print('escaped')""",
    "fork by number": LIBC
    + "if libc.syscall({fork}) == 0: libc._exit(0)\nprint('escaped' if ctypes.get_errno() == 0 else '')",
    "clone by number": LIBC + "if libc.syscall({clone}, 17, 0, 0, 0, 0) >= 0: print('escaped')",
    "clone3 by number": LIBC
    + """
flags = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)
if libc.syscall(435, ctypes.byref(flags), 88) >= 0: print('escaped')""",
    "become another program": """
import os, sys
os.execv(sys.executable, ['python', '-c', 'print("escaped")'])""",
    "run a program from memory": """
import os
file = os.memfd_create('program')
os.write(file, b'#!/bin/sh\\necho escaped\\n')
os.execve(file, ['program'], {{}})""",
    "unshare": LIBC + "if libc.unshare(0x10000000) == 0: print('escaped')",
    "mount": LIBC + "if libc.mount(b'none', b'/', b'tmpfs', 0, b'') == 0: print('escaped')",
    "chroot": "import os\nos.chroot('.')\nprint('escaped')",
    "trace the parent": LIBC + "import os\nif libc.ptrace(16, os.getppid(), 0, 0) == 0: print('escaped')",
    "read the parent's memory": LIBC
    + """
import os
class Piece(ctypes.Structure): _fields_ = [('start', ctypes.c_void_p), ('size', ctypes.c_size_t)]
room = ctypes.create_string_buffer(8)
ours, theirs = Piece(ctypes.addressof(room), 8), Piece(ctypes.addressof(room), 8)
if libc.process_vm_readv(os.getppid(), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0) > 0: print('escaped')""",
    "shared memory": LIBC + "if libc.shmget(0, 4096, 0o1600) >= 0: print('escaped')",
    "memory as a file": "import os\nos.memfd_create('hidden')\nprint('escaped')",
    "message queue": LIBC + "if libc.msgget(0, 0o1600) >= 0: print('escaped')",
    "kernel keys": LIBC + "if libc.syscall({add_key}, b'user', b'a', b'b', 1, -2) >= 0: print('escaped')",
    "io_uring": LIBC + "if libc.syscall(425, 8, (ctypes.c_uint32 * 30)()) >= 0: print('escaped')",
    "perf events": LIBC
    + "if libc.syscall({perf}, (ctypes.c_uint32 * 32)(1, 128), 0, -1, -1, 0) >= 0: print('escaped')",
    "bpf": LIBC + "if libc.syscall({bpf}, 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 72) >= 0: print('escaped')",
    "userfaultfd": LIBC + "if libc.syscall({userfaultfd}, 1) >= 0: print('escaped')",
    "another filter": LIBC + "if libc.prctl(22, 1) == 0: print('escaped')",
    "keep alive after the parent": LIBC + "if libc.prctl(1, 0) == 0: print('escaped')",
    "signals to the parent through a file": """
import fcntl, os
reader, writer = os.pipe()
fcntl.fcntl(reader, fcntl.F_SETOWN, os.getppid())
print('escaped')""",
    "make a folder": "import os\nos.mkdir('folder')\nprint('escaped')",
    "a socket pair, to another's socket": """
import socket
one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
one.sendto(b'x', '\\0{abstract}')
print('escaped')""",
    "connect a socket pair elsewhere": """
import socket
socket.socketpair()[0].connect('{socket}')
print('escaped')""",
    "hide files in a socket": """
import array, socket
one, two = socket.socketpair()
one.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))])
print('escaped')""",
    "another family of socket pairs": "import socket\nsocket.socketpair(socket.AF_INET)\nprint('escaped')",
}

# What must fail whatever the walls.
FORGING = {
    "leave early": "import sys\nsys.exit(0)",
    "leave without a word": "import os\nos._exit(0)",
    "search the stack for what is expected": """
import sys
frame, found = sys._getframe(), []
while frame:
    found += [value for value in list(frame.f_locals.values()) + list(frame.f_globals.values())]
    frame = frame.f_back
if any('scap' in repr(value) and 'ed' in repr(value) and 'found' not in repr(value) for value in found
       if isinstance(value, (str, bytes, list, dict, tuple)) and len(repr(value)) < 200):
    print('esca' + 'ped')""",
    "search memory for what is expected": """
import gc
wanted = 'esca' + 'ped'
for holder in gc.get_objects():
    for value in gc.get_referents(holder):
        if value is not wanted and isinstance(value, str) and value == wanted: print(value)""",
    "speak for the sandbox": """
import json, os, struct
head = json.dumps(dict(code=0, stopped=None, overflow=False, seconds=0.0, pieces=[8, 0])).encode()
for file in range(3, 64):
    try: os.write(file, struct.pack('>I', len(head)) + head + b'escaped\\n')
    except OSError: pass""",
    "replace functions of the sandbox": """
import sys
for module in list(sys.modules.values()):
    for name in list(vars(module)) if module else []:
        if name.startswith('_') and callable(getattr(module, name, None)) and 'confined' in module.__name__:
            try: setattr(module, name, lambda *a, **k: print('escap', 'ed'))
            except Exception: pass""",
    "be equal to everything": """
class Equal(str):
    def __eq__(self, other): return True
    def __str__(self): return self
    __hash__ = str.__hash__
print(Equal('x'))""",
    "kill its own group": "import os, signal\nos.killpg(0, signal.SIGKILL)\nprint('escaped')",
    "kill everything": "import os, signal\nos.kill(-1, signal.SIGKILL)\nprint('escaped')",
    "kill the parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nprint('escaped')",
    "become root": "import os\nos.setuid(0)\nprint('escaped')",
    "stop itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nprint('esc')",
    "an error at the end": "import atexit\natexit.register(lambda: 1 / 0)\nprint('escaped', end='!')",
    "a wrong exit status": "print('escaped')\nraise SystemExit(1)",
    "an unhandled error": "print('escaped', flush=True)\n1 / 0",
    "an error in C": "import ctypes\nprint('escaped', flush=True)\nctypes.string_at(0)",
}

# What would bring the machine down, and the reason that ends it.
GREEDY = {
    "memory": ("a = [bytearray(1 << 24) for _ in range(1 << 20)]", "memory limit"),
    "memory in one piece": ("a = bytearray(1 << 40)", "memory limit"),
    "memory in a big number": ("a = 1 << (1 << 36)", "memory limit"),
    "mapped memory": ("import mmap\na = [mmap.mmap(-1, 1 << 28) for _ in range(100)]", "runtime error"),
    "a file": ("f = open('big', 'wb')\nwhile True: f.write(b'x' * (1 << 20))", "runtime error"),
    "many files": ("for i in range(10**9): open(f'file{i}', 'wb').write(b'x' * (1 << 20))", "(killed|runtime error)"),
    "many empty files": ("for i in range(10**9): open(f'file{i}', 'wb').close()", "(killed|runtime error)"),
    "output": ("while True: print('x' * (1 << 20))", "(killed|runtime error)"),
    "complaints": ("import sys\nwhile True: sys.stderr.write('x' * (1 << 20))", "(killed|runtime error)"),
    "descriptors": ("import os\na = [os.dup(1) for _ in range(10**6)]", "runtime error"),
    "threads": ("""
import threading, time
threading.stack_size(65536)
for _ in range(10**5): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()""", "runtime error"),
    "time": ("while True: pass", "time limit"),
    "time in threads": ("import threading\ndef f():\n    while True: pass\n[threading.Thread(target=f).start() for _ in range(8)]", "time limit"),
    "time, deaf to signals": ("""
import signal
for number in range(1, 65):
    try: signal.signal(number, lambda *_: None)
    except (OSError, ValueError): pass
while True:
    try:
        while True: pass
    except BaseException: pass""", "time limit"),
    "time in C": ("sum(range(10**12))", "time limit"),
    "sleep": ("import time\ntime.sleep(3600)", "time limit"),
    "a thread that stays": ("import threading, time\nthreading.Thread(target=time.sleep, args=(3600,)).start()", "time limit"),
    "waiting for a lock": ("import threading\na = threading.Lock()\na.acquire()\na.acquire()", "time limit"),
    "recursion in C": ("import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())", "(killed|memory limit|runtime error|time limit)"),
}  # fmt: skip
