"""The Linux kernel as an oracle: it opens what we sealed, and we open what it sealed."""
