"""What monitoring sees of a running agent, and the configuration it takes while it runs."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from adpersist.journal.keys.key_file import create_key_file
from tests.crash.test_agent_service import locked
from tests.integration.commands import Agent
from tests.integration.hands import Hands
from tests.integration.scene import World, until
from tools.samba_dc import free_port


class Monitor:
    """Asks one endpoint."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self._base + path, timeout=10) as answer:  # noqa: S310 - http to loopback
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def health(self) -> tuple[int, Any]:
        code, text = self.get("/healthz")
        return code, json.loads(text)

    def metrics(self) -> dict[str, float]:
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {
            sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }


@contextmanager
def monitored(world: World, **environment: str) -> Iterator[tuple[Agent, Monitor]]:
    port = free_port()
    run = world.run.with_environment(ADPERSIST_HEALTH_LISTEN=f"127.0.0.1:{port}", **environment)
    with run.agent(world.log) as agent:
        monitor = Monitor(port)
        until(lambda: monitor.health()[0] == 200, "it is healthy")
        yield agent, monitor


def test_a_capturing_agent_is_healthy_and_counts_what_it_does(world: World) -> None:
    with monitored(world) as (_, monitor):
        before = monitor.metrics()
        with Hands(world.dc) as hands:
            for number in range(3):
                hands.user(f"counted{number}")
        status = world.run.settled()
        code, document = monitor.health()
        assert (code, document["lineage"], document["durable"]["seq"]) == (200, "same", status["durable"]["seq"])
        after = monitor.metrics()
        assert after["adpersist_commits_total"] > before["adpersist_commits_total"]
        assert after["adpersist_changes_total"] >= before["adpersist_changes_total"] + 3
        assert after["adpersist_bytes_total"] > before["adpersist_bytes_total"]
        assert after["adpersist_durable_seq"] == status["durable"]["seq"]
        assert after["adpersist_lineage[same]"] == 1
        assert abs(after["adpersist_durable_timestamp_seconds"] - time.time()) < 60
        assert monitor.get("/nothing")[0] == 404


def test_an_agent_whose_dc_is_away_is_not_healthy_and_says_why(world: World) -> None:
    with monitored(world, ADPERSIST_STATUS_MAX_LAG_S="1") as (_, monitor):
        world.dc.kill()
        until(lambda: monitor.health()[0] == 503, "it notices")
        assert str(world.dc.ldapi_path) in monitor.health()[1]["reason"]
        world.dc.start()
        until(lambda: monitor.health()[0] == 200, "it is healthy again")
        assert monitor.metrics()["adpersist_reconnects_total"] >= 1
        assert monitor.metrics()["adpersist_last_error_timestamp_seconds[DirectoryUnreachable]"] > 0


def test_an_agent_whose_store_is_away_is_not_healthy_and_its_lag_grows(world: World) -> None:
    # a look at files that waits for the store would keep the agent from asking the DC
    quiet = {"ADPERSIST_FILES_SYSVOL": "off", "ADPERSIST_AGENT_BEAT": "off"}
    with monitored(world, ADPERSIST_STATUS_MAX_LAG_S="1", **quiet) as (_, monitor), Hands(world.dc) as hands:
        with locked(world):
            hands.user("waiting")
            until(lambda: monitor.health()[0] == 503, "it notices")
            until(lambda: monitor.metrics()["adpersist_store_retries_total"] > 0, "it tries again")
            assert monitor.health()[1]["lag"]["usn"] > 0
        until(lambda: monitor.health()[0] == 200, "it is healthy again")
        assert monitor.metrics()["adpersist_lag_usns"] == 0


def test_a_key_that_is_lost_under_a_running_agent_is_told_while_somebody_can_still_help(world: World) -> None:
    elsewhere = world.place / "kept"
    with monitored(world, ADPERSIST_CAPTURE_CHECK_S="0.1") as (agent, monitor):
        assert world.run.config is not None
        world.run.config.write_text(f'{world.run.config.read_text()}[log]\nlevel = "debug"\n')

        def reason() -> str:
            return str(monitor.health()[1]["reason"])

        world.key.rename(elsewhere)
        until(lambda: str(world.key) in reason(), "it misses its key")
        assert monitor.health()[0] == 503
        assert "copy" in monitor.health()[1]["last_error"]["hint"]
        create_key_file(world.key)
        until(lambda: "the journal wants the key" in reason(), "another key is none")
        with Hands(world.dc) as hands:
            hands.user("newcomer")
        elsewhere.replace(world.key)
        until(lambda: monitor.health()[0] == 200, "the key is back")
        world.run("key", "rotate", "--new-key-file", str(world.place / "key2"), code=0)
        world.key.rename(elsewhere)
        world.run.settled()
        until(lambda: monitor.metrics()["adpersist_healthy"] == 1, "the configuration names the new one")
        assert agent.process.poll() is None
        assert agent.said.count("key.missed") == 2
        assert "[debug" not in agent.said, "of what it reads there it takes nothing unasked"
    world.run("verify", code=0)


def test_a_dc_whose_journal_has_lost_its_key_for_good_gets_another_journal(world: World) -> None:
    with Hands(world.dc) as hands:
        hands.user("before")
    world.run("agent", "--once", code=0)
    world.key.unlink()
    refused = world.run("init", "--supersede", code=9)
    assert "another store" in refused.err
    assert world.run.config is not None
    said = world.run.config.read_text()
    said = said.replace(f"sqlite://{world.store}", f"sqlite://{world.place}/second.db")
    world.run.config.write_text(said.replace(str(world.key), str(world.place / "key2")))
    world.run("init", "--supersede", code=0)
    world.run("agent", "--once", code=0)
    world.revert()  # to before both journals
    world.run("guard", code=0)
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(cn=before)")


def test_a_taken_address_keeps_nobody_from_capturing(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with world.run.with_environment(ADPERSIST_HEALTH_LISTEN=address).agent(world.log) as agent:
            assert "health.not_served" in agent.said


def test_a_new_configuration_is_taken_and_a_bad_one_refused_while_it_runs(world: World) -> None:
    path = world.run.config
    assert path is not None
    good, port = path.read_text(), free_port()
    path.write_text(f'{good}\n[health]\nlisten = ""\n')
    with world.run.agent(world.log) as agent:
        path.write_text(f'{good}\n[health]\nlisten = "127.0.0.1:{port}"\n[log]\nformat = "json"\n')
        agent.process.send_signal(signal.SIGHUP)
        until(lambda: "configuration.taken" in agent.said, "it takes the new one")
        monitor = Monitor(port)
        until(lambda: '"capture.began"' in agent.said, "it goes on with it")
        until(lambda: monitor.health()[0] == 200, "it is healthy")
        for bad in ("[capture]\ninterval_s = -1\n", good.replace("journal.db", "elsewhere.db"), "not TOML"):
            told = agent.said.count("configuration.refused")
            path.write_text(bad)
            agent.process.send_signal(signal.SIGHUP)
            until(lambda told=told: agent.said.count("configuration.refused") > told, "it says so")  # type: ignore[misc]
        path.write_text(good)
        until(lambda: monitor.health()[0] == 200, "it runs on with the old one")
        with Hands(world.dc) as hands:
            hands.user("afterwards")
        world.run.settled()
        assert agent.process.poll() is None


def test_a_checkpoint_is_written_beside_the_capture(world: World) -> None:
    run = world.run.with_environment(ADPERSIST_JOURNAL_CHECKPOINT_EVERY_COMMITS="3")
    with run.agent(world.log) as agent, Hands(world.dc) as hands:
        for number in range(12):
            hands.user(f"many{number}")
            world.run.settled()
        until(lambda: agent.said.count("checkpoint.written") >= 2, "checkpoints are written")
    assert len(world.head().checkpoints) >= 2
    world.run("check", code=0)
    world.run("verify", code=0)


def test_the_service_manager_is_told_how_it_fares(world: World) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(world.place / "notify"))
        manager.settimeout(60)

        def told(word: str) -> None:
            while word not in manager.recv(1000).decode().splitlines():
                pass

        run = world.run.with_environment(NOTIFY_SOCKET=str(world.place / "notify"), ADPERSIST_LOG_LEVEL="debug")
        before = world.head().writer
        agent = Agent(run, world.log)
        try:
            told("READY=1")
            assert world.head().writer != before
            assert world.run.status()["lag"]["usn"] == 0, "ready before the first look was durable"
            agent.process.send_signal(signal.SIGHUP)
            told("RELOADING=1")
            told("READY=1")
            told("WATCHDOG=1")
            world.dc.kill()
            until(lambda: agent.said.count("outage.waited_out") > 2, "it waits for the DC")
            told_of = re.findall(r"agent\.interrupted +error='([^']+)'", agent.said)
            assert told_of, "it says what it waits for"
            assert len(told_of) == len(set(told_of)), "and not at each try"
            told("WATCHDOG=1")
            agent.process.terminate()
            told("STOPPING=1")
            assert agent.wait() == 0
        finally:
            agent.kill()
