"""Celery's settings, and why each is what it is. `app.conf.update(…)` in `app/celery.py` wins.

Their names and units are Celery's: https://docs.celeryq.dev/en/stable/userguide/configuration.html
"""

import socket
import ssl

from kit.settings import settings
from kit.tasks.broker.publisher import ANSWER, CONNECT

broker_url = settings.broker_url
is_redis = (broker_url or "").startswith("redis")

URGENT, NORMAL, PATIENT = (0, 4, 9) if is_redis else (9, 4, 0)
"""The three priorities that both brokers can keep apart; Redis serves 0 first, RabbitMQ 9."""

# --- Messages ---
# Reading pickles would let anyone who can write to the broker run code here.
task_serializer = "json"
accept_content = ["json"]
# The sweep sends again what the broker did not take. A retry at once would only wait.
task_publish_retry = False
task_default_priority = NORMAL

# --- Queues ---
task_default_queue = "default"
# RabbitMQ: replicated in a cluster, where a classic queue is gone with its node. (Such queues
# have no global prefetch limit, which Celery finds out by itself, and before RabbitMQ 4 no
# priorities.) Redis knows no types.
task_default_queue_type = "classic" if is_redis else "quorum"
task_create_missing_queue_type = task_default_queue_type

# --- Connections ---
broker_connection_timeout = CONNECT
# A worker that starts before its broker, or outlives it, waits for it, however long.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# RabbitMQ: a connection whose packets vanish is noticed within a minute.
broker_heartbeat = 30
broker_transport_options: dict[str, object]
if is_redis:
    broker_transport_options = {
        "max_retries": 0,  # of publishing; kombu's default is to block for ever
        "socket_connect_timeout": CONNECT,
        "socket_timeout": ANSWER,  # longer than the second for which a worker's BRPOP waits
        "socket_keepalive": True,
        # When Redis gives the message of a dead worker to another one. The sweep does that for
        # jobs much sooner. It must be longer than your own late-acknowledged tasks run.
        "visibility_timeout": 3600,
        "priority_steps": [URGENT, NORMAL, PATIENT],
        "queue_order_strategy": "priority",  # what is urgent in any queue goes first
    }
else:
    broker_transport_options = {
        "max_retries": 0,
        # A message counts as published when RabbitMQ confirms it, not when it was written to a
        # connection, which may be closed unnoticed.
        "confirm_publish": True,
        # The kernel, too, finds out that the other side is gone: after 25 s.
        "socket_settings": {
            getattr(socket, option): value
            for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
            if hasattr(socket, option)  # Linux has them
        },
    }
# TLS: the server must prove its name. By default, kombu checks no certificate.
broker_use_ssl: dict[str, object]
if (broker_url or "").startswith("rediss"):
    broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
elif (broker_url or "").startswith("amqps"):
    broker_use_ssl = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}

# --- Workers ---
# Pool and concurrency: Celery's own defaults (prefork, a process for each core) for those who run
# `celery worker`; for `manage worker` see Engine.work in celery.py.
# A message that waits in a busy worker is one that an idle worker does not get.
worker_prefetch_multiplier = 1
# Time limits: none of Celery's. A task's `timeout` ends its attempt without killing a process.
# When the connection breaks, jobs go on: their results go to the table, not to the broker.
worker_cancel_long_running_tasks_on_connection_loss = False
# SIGTERM: jobs are finished or handed back within SHUTDOWN_TIMEOUT (see celery_worker.py). SIGQUIT
# gives Celery tasks of your own the same time.
worker_soft_shutdown_timeout = settings.shutdown_timeout.total_seconds()
# kit.logging sets up the logs, Celery's included.
worker_hijack_root_logger = False
worker_redirect_stdouts = False

# --- Beat ---
# It keeps your own `beat_schedule`, without a file: containers lose theirs. @periodic needs none.
beat_scheduler = "celery.beat:Scheduler"
