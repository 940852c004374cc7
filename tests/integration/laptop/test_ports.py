"""A service's port is the same at every start, unless another program has it."""

import socket
from pathlib import Path

import pytest

from local import net
from local.places import Places
from local.processes import Process


def port(folder: Path, service: str = "front") -> int:
    return net.port_of(Process(service, Places(folder)))


def test_a_service_has_one_port_and_no_two_have_the_same(tmp_path: Path) -> None:
    ports = {service: port(tmp_path, service) for service in net.SERVICES}

    assert ports == {service: port(tmp_path, service) for service in net.SERVICES}
    assert len(set(ports.values())) == len(net.SERVICES)


def test_a_taken_port_is_not_used_and_used_again_when_it_is_free(tmp_path: Path) -> None:
    own = port(tmp_path)

    with socket.create_server((net.HOST, own)):
        meanwhile = port(tmp_path)
        others = {port(tmp_path, service) for service in net.SERVICES if service != "front"}
        assert meanwhile not in {own, *others}
    assert port(tmp_path) == own


def test_a_closed_connection_does_not_block_a_port(tmp_path: Path) -> None:
    own = port(tmp_path)
    with socket.create_server((net.HOST, own)) as server, socket.create_connection((net.HOST, own)) as client:
        connection, _ = server.accept()
        connection.close()
        assert client.recv(1) == b""

    assert port(tmp_path) == own


def test_if_all_ports_are_taken_the_system_chooses_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "PORTS", range(port(tmp_path), port(tmp_path) + len(net.SERVICES)))
    with socket.create_server((net.HOST, port(tmp_path))):
        assert port(tmp_path) not in net.PORTS
