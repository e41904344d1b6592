"""A faithful local Purple Flea: six services, a gateway and a fleet that acts, on loopback, over real books.

The sandbox stands outside the belt. It shares nothing with the code it checks but errors, units and the clock, so a
mistake in the monitor cannot hide in its own mirror. `World` is a deterministic simulation whose books are a function
of (seed, agents, simulated seconds); `Sandbox` serves it over HTTP with the platform's paths, fields, error bodies,
rate limits and traps; `books` writes the double-entry journal as SQLite and computes from it what is true.

Process entry
-------------
`python -m fleawatch.sandbox --seed 7 --agents 20 --speed 60 --for 60 --books FILE` prints, when every port listens,
ONE JSON line (shown wrapped)::

    {"bases": {"casino": "http://127.0.0.1:PORT", "escrow": ..., "faucet": ..., "trading": ..., "wallet": ...,
               "domains": ..., "gateway": ..., "agents": ...},
     "control": {"base": "http://127.0.0.1:PORT", "token": "..."},
     "seed": 7, "origin": 1793613600.0, "speed": 60.0, "started": 1795228731.25, "end": 1793617200.0,
     "agents": [{"agent_id": "flat-00", "strategy": "flat-dice", "character": "flat", "environment": "production",
                 "capital_usd": 25000.0 | null,
                 "keys": {"casino": "sk_live_...", "trading": "sk_trade_...", "wallet": "pk_live_...",
                          "domains": "sk_domains_...", "gateway": "pf_live_..."},
                 "platform_ids": {"casino": "ag_...", "trading": "ag_...", ...},
                 "addresses": {"base": "0x...", "ethereum": "0x...", "solana": "..."},
                 "health_url": "http://127.0.0.1:PORT/agents/flat-00"}]}

Bases carry no path: the casino's routes begin `/api/v1/`, trading, wallet and domains `/v1/`, escrow `/escrow/`, faucet
`/faucet/`, the gateway `/api/`. `health_url` + `/health` and + `/metrics` are the agent's own server. `keys` and
`platform_ids` hold only the services where the agent is registered; `casino` and `gateway` are always there, and escrow
takes the casino key. `capital_usd` is 0 for an agent that is registered at trading and holds nothing there, null for one
that is not registered or whose operator states none. `origin` is simulated unix time at the start, `started` real unix time at which it held, `end`
simulated unix time at which the books stop. A `ScaledClock(origin, speed, started)` agrees with the platform's clock.

When the books have stopped and `--books` is written, a second line follows::

    {"ended": true, "seed": 7, "simulated": 3600.0, "end": 1793617200.0, "books": "FILE" | null,
     "bets": int, "trades": int, "escrows": int}

where `bets` counts settled bets and parlays, `trades` closed positions and `escrows` created ones, of the fleet. Then
the frozen books are served (writes answer 503 `books_closed`) until SIGTERM, SIGINT or the end of standard input.

In one process `visitor.visiting(Settings(...), clock)` runs a sandbox for a `with` block, on any clock.

Truth
-----
`books.truth(path)` gives for each fleet agent (`agent_id` as in the ready line) a dict of plain `Decimal` and `int`::

    balance               casino spendable balance, USD
    equity                casino balance + own escrows funded or completed + pending challenge stakes + trading
                          (capital_usd + realised - recorded fees + unrealised at the last mark) + on-chain value at the
                          platform's prices + domains balance + referral money kept at trading and wallet;
                          None when the agent trades and declares no capital
    bets, trades          settled bets and parlays; closed positions
    wins, losses, pushes  over bets, parlays and closed positions: payout against stake, net P&L of the position
    wagered, paid         stakes and payouts of bets and parlays, USD
    net_pnl_by_game       {game id: payouts - stakes}, "parlay" for parlays, only games played
    net_pnl_by_market     {"BTC-USD": realised gross - fees of recorded trade rows}, only markets traded
    fees                  trading fees + commission on own released and refunded escrows + withdrawal fees
    open_escrows, open_escrow_amount        as creator: funded or completed
    escrows_by_outcome    {"settled", "timeout", "disputed", "failed"}: counts, as creator
    referral_income       casino levels + escrow commission + trading + wallet + domains
    faucet_claims         0 or 1

Orders
------
`books.accepted(path, agent_id, after)` lists what the agent got accepted later than `after`, simulated unix seconds, of
all that puts money at risk: bets, parlays, challenges, tournaments, orders and their fills, copied positions, escrows.
Each is an `Attempt` with its time, service, action and the platform's id. `GET {control}/orders?agent=NAME&after=T` asks
the same while the sandbox runs. The table `attempts` has the refused ones too, with their error, and the actions that
only reduce risk.
"""

from fleawatch.sandbox.world import World

__all__ = ["World"]
