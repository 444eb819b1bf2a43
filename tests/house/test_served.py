"""The server of the browser tests: it ends with its test, and one that does not start says why."""

import signal
import subprocess
import sys

import pytest
from served import end, wait_for

STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
os.write(1, b".")
time.sleep(600)
"""
"""Two processes that do not listen, each of which says a dot."""


def start(code: str, **more) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True, **more)


def test_a_server_that_will_not_end_is_killed_with_what_it_started():
    with start(STUBBORN, stdout=subprocess.PIPE) as server:
        try:
            said = server.stdout.read(2)
        finally:
            end(server, grace=0.1)
        assert said == b".."
        assert server.returncode == -signal.SIGKILL
        assert server.stdout.read() == b""  # both have closed the pipe


def test_a_server_that_has_ended_is_ended_again_without_a_word():
    server = start("pass")
    server.wait()
    end(server)
    assert server.returncode == 0


def test_a_server_that_ends_fails_at_once_with_its_log(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("no such weights")
    server = start("raise SystemExit(3)")
    server.wait()
    with pytest.raises(pytest.fail.Exception, match=r"the server ended with status 3:\nno such weights"):
        wait_for("http://127.0.0.1:9/", server, log)


def test_a_server_that_does_not_answer_fails_with_its_log(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("still importing")
    server = start("import time; time.sleep(600)")
    try:
        with pytest.raises(pytest.fail.Exception, match=r"did not answer within 0\.1 s:\nstill importing"):
            wait_for("http://127.0.0.1:9/", server, log, patience=0.1)
    finally:
        end(server)
