"""One adapter for each real service of Purple Flea: casino, bets, escrow, trading, wallet, domains."""
