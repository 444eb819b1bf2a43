"""The way of a prediction on a system that has nothing of POSIX: no locks, no limits, no forks, no such signals."""

import csv
import subprocess
import sys
import zipfile
from pathlib import Path

from pictures import encoded, picture, save

from derm.files import PART

SCRIPT = """
import os, signal, sys
import onnxruntime, platformdirs, pandas  # others know their own systems
for name in ("fcntl", "resource", "termios", "tty", "pwd", "grp", "pty", "syslog", "readline"):
    sys.modules[name] = None
for name in ("fork", "forkpty", "getuid", "geteuid", "getgid", "getegid", "getpgid", "setsid", "killpg", "mkfifo",
             "getloadavg", "sched_getaffinity", "sysconf", "sysconf_names", "statvfs", "fchmod", "fchown", "chown",
             "posix_fadvise", "O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW", "O_DIRECTORY"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGPROF", "setitimer", "alarm", "pthread_kill"):
    if hasattr(signal, name):
        delattr(signal, name)
from derm.cli.main import app
app(["predict", *sys.argv[1:]], standalone_mode=False)
"""


def test_a_folder_and_an_archive_are_answered_and_gone_on_with(tmp_path):
    save(tmp_path / "photos" / "a.png", 1)
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as packed:
        packed.writestr("b.png", encoded(picture(2)))
    sources, table = [tmp_path / "photos", tmp_path / "more.zip"], tmp_path / "out.csv"
    words = [*sources, "--out", table, "--masks", tmp_path / "masks", "--resume"]
    ask(words)
    save(tmp_path / "photos" / "c.png", 3)
    ask(words)
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted((Path(row["file"]).name, row["error"]) for row in rows) == [
        ("a.png", ""),
        ("b.png", ""),
        ("c.png", ""),
    ]
    assert len(list((tmp_path / "masks").glob("*_segmentation.png"))) == 3
    assert list(tmp_path.rglob(f"*{PART}")) == []


def ask(words: list[object]) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
