"""The monitor as a process: configuration, composition, the loop around the belt, supervision."""
