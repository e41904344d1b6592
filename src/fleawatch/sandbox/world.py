"""The world: a platform, a fleet that acts on it, and books that depend on the seed, the fleet and the time alone.

History begins two hours before the origin: people register and deposit, hirers leave jobs behind whose hour will run out
during the run. Play begins at the origin. HTTP reads, wall time and the size of the steps change nothing.
"""

from __future__ import annotations

from typing import Final

from fleawatch.sandbox.characters.base import Character, Circle
from fleawatch.sandbox.characters.cast import CAST, Troupe, recruit
from fleawatch.sandbox.characters.workers import Outsider
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.services.platform import Platform
from fleawatch.sandbox.services.social import TOURNAMENT_SECONDS

HISTORY: Final = 7_200.0
"""Seconds of past before the origin."""
DEFAULT_ORIGIN: Final = 1_793_613_600.0
"""2026-11-02T10:00:00Z: far enough from midnight that an hour's run stays in one UTC day."""


class World:
    """A deterministic simulation of the platform and its agents.

    Args:
        seed: what all chance derives from.
        agents: how many agents the fleet has, at least 1.
        origin: simulated unix seconds at which the run begins.
        troupe: who plays, in place of the usual cast; its size then counts and `agents` does not.

    Attributes:
        people: the fleet in order, then the outsiders.
        elapsed: simulated seconds run since the origin.
    """

    def __init__(self, seed: int, agents: int, origin: float = DEFAULT_ORIGIN, troupe: Troupe | None = None) -> None:
        if agents < 1:
            raise ValueError(f"agents was {agents}; a fleet has at least one agent")
        self.seed = seed
        self.origin = origin
        self.kernel = Kernel(seed, origin - HISTORY)
        self.platform = Platform(self.kernel)
        self.roles = CAST if troupe is None else troupe.roles
        self.people = recruit(seed, agents, origin) if troupe is None else list(troupe.people)
        self.elapsed = 0.0
        self._accounts: dict[str, Account] = {}
        self._register()
        self._start(self._circle())
        self.kernel.run_until(origin)

    @property
    def fleet(self) -> list[Person]:
        """The operator's agents, in order."""
        return [person for person in self.people if person.fleet]

    def account(self, person: Person) -> Account:
        """The casino account of `person`."""
        return self._accounts[person.name]

    def guest(self) -> Person:
        """A person who came over HTTP: nobody's fleet, not simulated, in the books like any other."""
        person = Person(name=f"guest-{len(self.people):03d}", character="guest", strategy="guest", fleet=False)
        self.people.append(person)
        return person

    def advance(self, to_seconds: float) -> None:
        """Run everything due up to `to_seconds` after the origin. Going back does nothing."""
        if to_seconds > self.elapsed:
            self.elapsed = to_seconds
            self.kernel.run_until(self.origin + to_seconds)

    def _register(self) -> None:
        """Sponsors before those they bring, as referral codes demand."""
        waiting = list(self.people)
        first: dict[str, Person] = {}
        present = {person.character for person in waiting}
        while waiting:
            person = waiting.pop(0)
            role = self.roles.get(person.character)
            sponsor = role.sponsor if role is not None and role.sponsor in present else None
            if sponsor is not None and sponsor not in first:
                waiting.append(person)
                continue
            self._open_accounts(person, first.get(sponsor) if sponsor else None)
            first.setdefault(person.character, person)

    def _open_accounts(self, person: Person, sponsor: Person | None) -> None:
        platform = self.platform
        code = self._accounts[sponsor.name].referral_code if sponsor else None
        account = self._accounts[person.name] = platform.bank.register(person, code)
        try:
            # Registration claims the faucet from the casino's own address: only the first one in a day gets it.
            platform.faucet.claim(account.id, "casino")
        except RefusedError:
            if len(self._accounts) % 2:
                platform.faucet.claim(account.id, f"agent:{person.name}")
        for service in self.roles[person.character].services if person.fleet else ():
            self._join(service, person, sponsor)

    def _join(self, service: str, person: Person, sponsor: Person | None) -> None:
        platform = self.platform
        sponsor_id = sponsor.platform_ids.get(service) if sponsor else None
        if service == "trading":
            trading = platform.trading
            trader = trading.register(person, trading.traders[sponsor_id].referral_code if sponsor_id else None)
            trading.fund(trader, person.capital)
        elif service == "wallet":
            wallet = platform.wallet
            agent = wallet.register(person, wallet.agents[sponsor_id].referral_code if sponsor_id else None)
            if person.character == "onchain":
                addresses = wallet.create_addresses(person)
                person.addresses = {chain: addresses[chain] for chain in ("base", "ethereum", "solana")}
                agent.saved = dict(person.addresses)
        elif service == "domains":
            domains = platform.domains
            domains.register(person, domains.agents[sponsor_id].referral_code if sponsor_id else None)

    def _circle(self) -> Circle:
        circle = Circle()
        for person in self.people:
            account = self._accounts[person.name]
            if not person.fleet:
                circle.outsiders.append(account)
                continue
            if self.roles[person.character].works:
                circle.workers.append(account)
            if self.roles[person.character].payable:
                circle.payees.append(account)
        return circle

    def _start(self, circle: Circle) -> None:
        for person in self.people:
            behaviour: type[Character] = (
                self.roles[person.character].behaviour if person.character in self.roles else Outsider
            )
            behaviour(self.platform, person, self._accounts[person.name], circle).begin(self.origin)
        self.kernel.schedule(self.origin, lambda: self._tournament(1))

    def _tournament(self, number: int) -> None:
        """One after the other, each of 20 minutes."""
        self.platform.social.open_tournament(number, 2.0)
        self.kernel.later(TOURNAMENT_SECONDS, lambda: self._tournament(number + 1))
