"""paramiko's transport, with an end to what a server can have it keep in memory."""

import socket
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from paramiko import Transport

_Handler = Callable[[Any, Any], None]

_MOST_PACKET = 1 << 20


def bounded_transport(sock: socket.socket) -> "Transport":
    """A client's transport on this socket, which ends with an SSHException where a server sends too much."""
    return _transport_class()(sock)


@cache
def _transport_class() -> type["Transport"]:
    from paramiko import Channel, Message, SSHException, Transport
    from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA
    from paramiko.packet import Packetizer

    class BoundedPackets(Packetizer):
        """paramiko's own would gather packets of up to 4 GB."""

        def read_all(self, n: int, check_rekey: bool = False) -> bytes:
            if n > _MOST_PACKET:
                raise SSHException(f"it announced a packet of {n} bytes")
            return super().read_all(n, check_rekey)

    def within_window(keep: _Handler) -> _Handler:
        """paramiko's own keeps all that comes, whatever the server was told that there is room for."""

        def demand_room(channel: Channel, message: Message) -> None:
            if len(channel.in_buffer) + len(channel.in_stderr_buffer) > channel.in_window_size:
                raise SSHException("it sent more than it was told that there is room for")
            keep(channel, message)

        return demand_room

    handlers: dict[int, _Handler] = vars(Transport)["_channel_handler_table"]
    with_data = (MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA)

    class BoundedTransport(Transport):
        _channel_handler_table: ClassVar = {
            kind: within_window(handle) if kind in with_data else handle for kind, handle in handlers.items()
        }

        def __init__(self, sock: socket.socket) -> None:
            super().__init__(sock, packetizer_class=BoundedPackets)

    return BoundedTransport
