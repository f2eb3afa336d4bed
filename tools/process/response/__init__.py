"""The developers' answers: their file, what became of each finding's place, sign-offs."""
