"""Which addresses a caller may have requests sent to: public ones of a single host, and no others.

An IPv6 address that contains an IPv4 address (mapped, NAT64, 6to4, Teredo) is refused, because the packet may go to the
IPv4 address.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_UNICAST = ip_network("2000::/3")
_TUNNELS = tuple(map(ip_network, ("192.88.99.0/24", "2001::/32", "2002::/16")))


def may_reach(address: Address, exceptions: Sequence[Network] = ()) -> bool:
    return any(address in network for network in exceptions) or _is_public(address)


def _is_public(address: Address) -> bool:
    is_unicast = address in _UNICAST if address.version == 6 else not address.is_multicast  # noqa: PLR2004 - IPv6
    return is_unicast and address.is_global and not any(address in tunnel for tunnel in _TUNNELS)
