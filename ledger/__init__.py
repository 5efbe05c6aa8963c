"""Signed transactions, their fold into state, and the engines that order them and make them final."""
