"""All services over one kernel: what simulated agents and HTTP handlers are given."""

from __future__ import annotations

from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.services.bank import Bank
from fleawatch.sandbox.services.casino import Casino
from fleawatch.sandbox.services.domains import Domains
from fleawatch.sandbox.services.escrow import EscrowService
from fleawatch.sandbox.services.faucet import Faucet
from fleawatch.sandbox.services.social import Social
from fleawatch.sandbox.services.trading import Trading
from fleawatch.sandbox.services.wallet import Wallet


class Platform:
    """The platform's services. Escrow and faucet move the casino's balances; the rest keep their own."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.bank = Bank(kernel)
        self.casino = Casino(kernel, self.bank)
        self.social = Social(kernel, self.bank, self.casino)
        self.escrow = EscrowService(kernel, self.bank)
        self.faucet = Faucet(kernel, self.bank)
        self.trading = Trading(kernel)
        self.wallet = Wallet(kernel)
        self.domains = Domains(kernel)
