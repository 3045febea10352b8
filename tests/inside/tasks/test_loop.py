"""The event loop that a broker's worker process runs jobs on."""

import os
import sys

import pytest
from kit.testing.forked import python


@pytest.mark.skipif(sys.platform == "win32", reason="nothing limits the number of files there")
def test_a_process_that_can_have_no_event_loop_is_told_to_end_and_runs_no_job() -> None:
    script = """
import resource, signal
from threading import Event
from uuid import uuid4
from kit.logging import configure_logging
from kit.tasks.broker import loop

configure_logging()
told = Event()
signal.signal(signal.SIGTERM, lambda *_: told.set())  # as brokers' workers do
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))  # an event loop needs three more
try:
    loop.run_job(str(uuid4()))
except loop.Stopping:
    while not told.wait(1):  # it may come just before the wait, which would sleep on
        pass
    print("refused, and told to end")
"""
    done = python(script, dict(os.environ))
    assert done.stdout == "refused, and told to end\n"
    assert "the loop of the jobs has failed" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="threads are sent no signals there")
def test_a_worker_stops_although_another_thread_was_given_the_signal() -> None:
    script = """
import signal, threading
from kit.tasks import engines

def be_given_the_signal():
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        pass
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=be_given_the_signal, daemon=True).start()
engines.wait_for_sigterm()
print("stopped")
"""
    assert python(script, dict(os.environ)).stdout == "stopped\n"
