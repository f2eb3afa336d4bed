"""What happened to an entry: events, the state they make, and the file that keeps them."""
