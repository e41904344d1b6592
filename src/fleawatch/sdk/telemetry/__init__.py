"""What an agent's program says of itself: verbs that time and record, and a thread that carries it to every backend."""
