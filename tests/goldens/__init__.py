"""One checker per golden format; see tests/golden_check.py."""
