"""What rules would have done: history through the same belt, scored, beside the public guides' own rules."""
