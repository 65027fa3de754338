"""Uni-Sign (Li et al., ICLR 2025, arXiv 2501.15187), written anew from its published behaviour."""
