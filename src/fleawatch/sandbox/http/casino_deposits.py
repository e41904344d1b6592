"""Where to send a deposit: one address for each agent and chain, made by the wallet service when first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.refusal import RefusedError

if TYPE_CHECKING:
    from fleawatch.sandbox.http.casino import CasinoFront

_SWAPPED: Final = "Auto-swapped to Base USDC"
CHAINS: Final[dict[str, dict[str, Any]]] = {
    chain: {"send_token": token, "auto_swap": swap, "swap_fee": fee, "minimum": minimum, "note": note}
    for chain, token, swap, fee, minimum, note in (
        ("base", "USDC", False, "0%", "$0.50", "Lowest fees: direct USDC credit, no swap"),
        ("ethereum", "ETH, USDC, or USDT", True, "0.1-0.3%", "$0.50 equivalent", _SWAPPED),
        ("bsc", "BNB, USDT, or USDC", True, "0.1-0.3%", "$0.50 equivalent", _SWAPPED),
        ("arbitrum", "ETH, USDC, or USDT", True, "0.1-0.3%", "$0.50 equivalent", _SWAPPED),
        ("solana", "SOL", True, "0.1-0.3%", "$0.50 equivalent", _SWAPPED),
        ("bitcoin", "BTC", True, "0.1-0.5% + BTC mining fee", "~$5 (min swap)", _SWAPPED),
        ("tron", "USDT", False, "0%", "$0.50", "USDT TRC-20"),
        ("monero", "XMR", True, "0.1-0.3%", "$0.50 equivalent", _SWAPPED),
    )
}
"""What each chain takes and costs. Every deposit becomes a balance in USD."""
_EVM: Final = ("base", "ethereum", "bsc", "arbitrum")
"""Chains that share one address."""


class DepositRoutes:
    """`POST /auth/deposit-address` and `GET /auth/supported-chains`."""

    def __init__(self, front: CasinoFront) -> None:
        self.front = front
        self._addresses: dict[tuple[str, str], str] = {}

    def routes(self) -> None:
        """Add the routes to the server."""
        self.front.write("/auth/deposit-address", self._address)
        self.front.read("/auth/supported-chains", self._chains)

    def _address(self, call: Call) -> Answer:
        """201 for an address that is new, 200 for one that was asked for before."""
        account = self.front.account(call)
        chain = call.json(lenient=True).get("chain", "base")
        if chain not in CHAINS:
            raise RefusedError(
                400,
                "unsupported_chain",
                supported=list(CHAINS),
                suggestion="Use 'base' for lowest fees (USDC on Base)",
                chains=[_offered(name) for name in CHAINS],
            )
        known = (account.name, chain) in self._addresses
        if not known:
            self._addresses[account.name, chain] = self._made(account.name, chain)
        info = CHAINS[chain]
        document = {
            "chain": chain,
            "address": self._addresses[account.name, chain],
            **info,
            "send_instructions": f"Send {info['send_token']} on {chain} to this address",
            "withdrawals": "USDC on Base only: all deposits are converted to a USD balance",
        }
        return Reply(document, 200 if known else 201)

    def _made(self, owner: str, chain: str) -> str:
        ids = self.front.platform.kernel.ids
        if chain in _EVM:
            shared = next((self._addresses[owner, name] for name in _EVM if (owner, name) in self._addresses), None)
            return shared or f"0x{ids.hex('deposit-evm', owner, 40)}"
        prefix = {"solana": "So", "bitcoin": "bc1q", "tron": "T", "monero": "4"}[chain]
        return prefix + ids.hex(f"deposit-{chain}", owner, 38)

    def _chains(self, call: Call) -> Answer:
        self.front.account(call)
        rows = [{**_offered(name), "note": CHAINS[name]["note"], "recommended": name == "base"} for name in CHAINS]
        note = "All withdrawals sent as USDC on Base"
        return {
            "deposits": rows,
            "withdrawals": [{"chain": "base", "token": "USDC", "fee": "$0.50 flat", "note": note}],
        }


def _offered(chain: str) -> dict[str, Any]:
    info = CHAINS[chain]
    return {"chain": chain, **{name: info[name] for name in ("send_token", "auto_swap", "swap_fee", "minimum")}}
